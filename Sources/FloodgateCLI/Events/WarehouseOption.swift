// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateJSON
import FloodgateServer
import FloodgateWarehouse

/// `--warehouse` and `--duckdb`, for the server and for commands that ask the warehouse.
struct WarehouseOption: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Where exposures and events are analysed: duckdb, duckdb:FOLDER, "
                + "clickhouse://USER:PASSWORD@HOST:PORT/DATABASE, none, or none:trim (default: FLOODGATE_WAREHOUSE, or duckdb in the "
                + "data folder).",
            valueName: "address"
        )
    )
    var warehouse: String?

    @Option(
        help: ArgumentHelp(
            "DuckDB's program (default: FLOODGATE_DUCKDB, or duckdb on PATH).",
            valueName: "file"
        )
    )
    var duckdb: String?

    /// The setting that was given.
    func setting() throws(StartFailure) -> WarehouseSetting {
        guard let text = warehouse ?? CommandSettings.warehouse.value else { return .duckDB(folder: nil) }
        return try WarehouseSetting(text)
    }

    /// DuckDB's program; nil to look for it.
    var program: String? { duckdb ?? CommandSettings.duckDB.value }

    /// Has `body` ask the warehouse, and lets go of it.
    func ask<Answer>(_ folder: DataFolder, _ body: (any Warehouse) async throws -> Answer) async throws -> Answer {
        guard let warehouse = try setting().warehouse(in: folder, program: program) else {
            throw CommandFailure(.usage, "There is no warehouse: --warehouse is none")
        }
        do {
            try await warehouse.prepare()
            let answer = try await body(warehouse)
            await warehouse.shutdown()
            return answer
        } catch let error as WarehouseError {
            await warehouse.shutdown()
            throw CommandFailure(error.code == .unavailable ? .unavailable : .failure, error.message)
        } catch {
            await warehouse.shutdown()
            throw error
        }
    }
}

/// The warehouse that a command asks: through a server that runs, or else by itself.
struct AskedWarehouse: ParsableArguments {
    @OptionGroup var server: ServerOption
    @OptionGroup var warehouse: WarehouseOption
    @OptionGroup var data: DataOption

    /// What the running server answers to `path`, or else what `body` makes of the warehouse.
    func answer(
        _ path: String,
        _ query: [(String, String)] = [],
        posting message: JSONValue? = nil,
        or body: (any Warehouse, DataFolder) async throws -> JSONValue
    ) async throws -> JSONValue {
        if server.server == nil, LocalAccess(in: try data.folder()) == nil {
            let folder = try data.folder()
            guard folder.exists else { throw CommandFailure(.noInput, "There is no folder \(folder.path)") }
            return try await warehouse.ask(folder) { try await body($0, folder) }
        }
        return try await server.link { try data.folder() }.data(of: path, query, posting: message)
    }
}
