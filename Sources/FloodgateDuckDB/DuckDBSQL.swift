// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateWarehouse

/// What DuckDB is told, each statement one line.
enum DuckDBSQL {
    /// Turns rows as JSON Lines at `source`, none longer than `longest` bytes, into a Parquet file at `target`; merging sorts.
    static func write(_ table: WarehouseTable, from source: String, longest: Int, to target: String) -> String {
        let columns = table.columns.map { "\(name($0.name)): '\(type($0.kind))'" }.joined(separator: ", ")
        // The reader's memory is a multiple of it.
        let size = max(longest, 1 << 24)
        let rows =
            "read_json(\(literal(source)), format = 'newline_delimited', columns = {\(columns)}, "
            + "maximum_object_size = \(size))"
        return copy("select * from \(rows)", to: target)
    }

    /// Writes the answer of `question` as a Parquet file.
    static func copy(_ question: String, to target: String) -> String {
        "copy (\(question)) to \(literal(target)) (format parquet, compression zstd, compression_level 1)"
    }

    /// How many rows a Parquet file has by its own account.
    static func count(_ path: String) -> String {
        "select num_rows as n from parquet_file_metadata(\(literal(path)))"
    }

    /// Reads a whole Parquet file, to see whether it can be read.
    static func check(_ path: String) -> String {
        "select count(*) as n, count(columns(*)) from read_parquet(\(literal(path)))"
    }

    /// The rows of files; no rows if there are no files.
    static func rows(_ table: WarehouseTable, _ paths: [String]) -> String {
        guard !paths.isEmpty else {
            let columns = table.columns.map { "null::\(type($0.kind)) as \(name($0.name))" }.joined(separator: ", ")
            return "(select \(columns) where false)"
        }
        return "read_parquet([\(paths.map(literal).joined(separator: ", "))], hive_partitioning = false)"
    }

    /// Merges files: of an event that is there twice the first stays, and none that is in `others`.
    static func merge(_ table: WarehouseTable, _ paths: [String], without others: [String]) -> String {
        var sources = "select * from \(rows(table, paths))"
        if !others.isEmpty { sources += " anti join \(rows(table, others)) using (environment, id)" }
        return "with source as not materialized (\(sources)), twice as materialized "
            + "(select environment, id from source group by all having count(*) > 1) "
            + "select * from (\(once("source", "twice"))) order by \(order(table))"
    }

    /// The rows of `source`, and of those whose ids stand in `twice` the first.
    ///
    /// Comparing few rows is much cheaper than comparing all.
    private static func once(_ source: String, _ twice: String) -> String {
        "select * from \(source) anti join \(twice) using (environment, id) union all by name "
            + "(select * from \(source) semi join \(twice) using (environment, id) "
            + "qualify row_number() over (\(first)) = 1)"
    }

    /// The numbers of rows of a file that `condition` is true for, no more than `limit` of them.
    static func numbers(_ condition: String, _ path: String, limit: Int) -> String {
        "select file_row_number as n from read_parquet(\(literal(path)), hive_partitioning = false, "
            + "file_row_number = true) where \(condition) limit \(limit)"
    }

    /// Files without the rows that `condition` is true for.
    static func without(_ condition: String, _ table: WarehouseTable, _ paths: [String]) -> String {
        "select * from \(rows(table, paths)) where not (\(condition)) order by \(order(table))"
    }

    /// Makes `table` a view of the rows of `merged` and `single` files, each event once.
    ///
    /// Most events are there once, and telling which are not is much cheaper than grouping all rows: their ids stand in a
    /// table, and only rows with such ids are compared. Merged files share no events.
    ///
    /// - Parameters:
    ///   - table: Which.
    ///   - merged: Paths of merged files.
    ///   - single: Paths of the others.
    ///   - seen: Those of `single` that were there when the view was made last in the same child; nil if it was not.
    /// - Returns: Statements for the child that asks.
    static func view(_ table: WarehouseTable, merged: [String], single: [String], seen: Set<String>?) -> [String] {
        let all = name("all_" + table.rawValue)
        let twice = name("twice_" + table.rawValue)
        var statements: [String] = []
        let rows = rows(table, merged + single)
        statements.append("create or replace temp view \(all) as select * from \(rows)")
        if seen == nil {
            statements.append("create or replace temp table \(twice) (environment varchar, id uuid)")
        }
        let new = single.filter { !(seen?.contains($0) ?? false) }
        let old = merged + single.filter { seen?.contains($0) ?? false }
        if !new.isEmpty {
            let added = "(select environment, id from \(Self.rows(table, new)))"
            var found = "select environment, id from \(added) group by all having count(*) > 1"
            if !old.isEmpty {
                found +=
                    " union select environment, id from \(added) semi join \(Self.rows(table, old)) using (environment, id)"
            }
            statements.append("insert into \(twice) \(found)")
        }
        statements.append(
            "create or replace temp view \(name(table.rawValue)) as \(once(all, twice))"
        )
        return statements
    }

    /// True for the rows about a user, by user ID or custom ID.
    static func isAbout(_ userID: String, environment: String, _ table: WarehouseTable) -> String {
        let id = literal(userID)
        let condition =
            switch table {
            case .exposures, .events:
                "user_id = \(id) or \(hasValue("custom_ids", "$.*", id))"
            case .deadLetters:
                "\(hasValue("event", "$.user.userID", id)) or \(hasValue("event", "$.user.customIDs.*", id))"
            }
        return "environment = \(literal(environment)) and (\(condition))"
    }

    /// Whether the JSON in `column` has the text `id` at `path`; text that is no JSON has not.
    private static func hasValue(_ column: String, _ path: String, _ id: String) -> String {
        let found = "json_extract_string(case when json_valid(\(column)) then \(column) end, '\(path)')"
        return path.hasSuffix("*")
            ? "coalesce(list_contains(\(found), \(id)), false)" : "coalesce(\(found) = \(id), false)"
    }

    private static let first =
        "partition by \(WarehouseTable.identity.joined(separator: ", ")) "
        + "order by \(WarehouseTable.age.joined(separator: ", "))"

    private static func order(_ table: WarehouseTable) -> String { table.order.map(name).joined(separator: ", ") }

    private static func type(_ kind: WarehouseTable.Kind) -> String {
        switch kind {
        case .id: "UUID"
        case .text, .word: "VARCHAR"
        case .integer, .time: "BIGINT"
        case .optionalNumber: "DOUBLE"
        case .flag: "TINYINT"
        }
    }

    private static func name(_ name: String) -> String { DuckDBStatement.identifier(name) }
    private static func literal(_ text: String) -> String { DuckDBStatement.literal(text) }
}
