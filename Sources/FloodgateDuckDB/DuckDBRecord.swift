// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON
internal import FloodgateWarehouse

/// A Parquet file of facts.
struct DuckDBFile: Sendable, Hashable {
    var table: WarehouseTable
    var day: ArrivalDay
    /// The block's id, or a name with a dot for a merged one.
    var name: String
    var rows: Int64
    var bytes: Int64

    /// Whether no event in it is in another such file.
    var isMerged: Bool { name.contains(".") }
}

/// What was committed: a small file, in its place when and only when the Parquet files that it names are in theirs.
enum DuckDBRecord: Sendable, Hashable {
    /// A block, the files with its rows, and its ledger.
    case block(String, day: ArrivalDay, files: [DuckDBFile], ledger: [LedgerEntry])
    /// A file that holds what the files of these names held.
    case merge(DuckDBFile, of: [String])

    /// The record as one line of JSON.
    var line: [UInt8] {
        var object: JSONObject
        switch self {
        case .block(let id, let day, let files, let ledger):
            object = [
                "block": .string(id), "day": .integer(Int64(day.number)),
                "files": .array(files.map { .object(Self.object($0)) }),
                "ledger": .array(ledger.map(Self.value)),
            ]
        case .merge(let file, let sources):
            object = Self.object(file)
            object.set("merge", .string(file.name))
            object.set("day", .integer(Int64(file.day.number)))
            object.set("of", .array(sources.map(JSONValue.string)))
        }
        var writer = JSONWriter()
        writer.write(.object(object))
        return writer.bytes + [0x0A]
    }

    /// Reads a line that `line` made; nil if it is none.
    init?(_ line: [UInt8]) {
        guard let object = try? JSONValue(parsing: line).objectValue,
            let number = object["day"]?.integerValue, let day = Int32(exactly: number).map(ArrivalDay.init)
        else { return nil }
        if let name = object.text("merge") {
            guard let file = Self.file(object, name, day), let sources = object["of"]?.arrayValue else { return nil }
            self = .merge(file, of: sources.compactMap(\.stringValue))
        } else {
            guard let id = object.text("block"), let files = object["files"]?.arrayValue,
                let ledger = object["ledger"]?.arrayValue
            else { return nil }
            self = .block(
                id,
                day: day,
                files: files.compactMap { $0.objectValue.flatMap { Self.file($0, id, day) } },
                ledger: ledger.compactMap { Self.entry($0, id) }
            )
        }
    }

    private static func object(_ file: DuckDBFile) -> JSONObject {
        ["table": .string(file.table.rawValue), "rows": .integer(file.rows), "bytes": .integer(file.bytes)]
    }

    private static func file(_ object: JSONObject, _ name: String, _ day: ArrivalDay) -> DuckDBFile? {
        guard let table = object.text("table").flatMap(WarehouseTable.init(rawValue:)),
            let rows = object["rows"]?.integerValue, let bytes = object["bytes"]?.integerValue
        else { return nil }
        return DuckDBFile(table: table, day: day, name: name, rows: rows, bytes: bytes)
    }

    private static func value(_ entry: LedgerEntry) -> JSONValue {
        let sums = entry.sums
        return [
            .string(entry.node), .integer(entry.segment), .string(entry.environment), .integer(entry.minute),
            .integer(sums.batches), .integer(sums.accepted), .integer(sums.loaded), .integer(sums.duplicate),
            .integer(sums.dead),
            // JSON numbers end at 63 bits here.
            .string(String(sums.idXor, radix: 16)), .string(String(sums.idSum, radix: 16)),
        ]
    }

    private static func entry(_ value: JSONValue, _ block: String) -> LedgerEntry? {
        guard let parts = value.arrayValue, parts.count == 11, let node = parts[0].stringValue,
            let environment = parts[2].stringValue,
            let idXor = parts[9].stringValue.flatMap({ UInt64($0, radix: 16) }),
            let idSum = parts[10].stringValue.flatMap({ UInt64($0, radix: 16) })
        else { return nil }
        let numbers = parts.map { $0.integerValue ?? 0 }
        var sums = LedgerSums()
        sums.batches = numbers[4]
        sums.accepted = numbers[5]
        sums.loaded = numbers[6]
        sums.duplicate = numbers[7]
        sums.dead = numbers[8]
        sums.idXor = idXor
        sums.idSum = idSum
        return LedgerEntry(
            block: block,
            node: node,
            segment: numbers[1],
            environment: environment,
            minute: numbers[3],
            sums: sums
        )
    }
}
