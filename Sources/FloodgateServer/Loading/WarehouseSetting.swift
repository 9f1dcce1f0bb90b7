// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateClickHouse
import FloodgateDuckDB
package import FloodgateWarehouse
package import Logging

/// Which engine exposures and events are analysed with, and where it is.
package enum WarehouseSetting: Sendable, Hashable {
    /// DuckDB, with its files in a folder; nil is `warehouse` in the data folder.
    case duckDB(folder: String?)
    /// ClickHouse.
    case clickHouse(ClickHouseAddress)
    /// None: events stay in the log; if it `trims`, until they are old or there is no room for them.
    case none(trims: Bool)

    /// Reads `duckdb`, `duckdb:FOLDER`, `clickhouse://…`, `none` or `none:trim`.
    /// - Throws: `StartFailure` that says what to write instead.
    package init(_ text: String) throws(StartFailure) {
        switch text {
        case "none": self = .none(trims: false)
        case "none:trim": self = .none(trims: true)
        case "duckdb": self = .duckDB(folder: nil)
        case _ where text.hasPrefix("duckdb:") && text.count > "duckdb:".count:
            self = .duckDB(folder: String(text.dropFirst("duckdb:".count)))
        case _ where text.hasPrefix("clickhouse://"):
            do { self = .clickHouse(try ClickHouseAddress(text)) } catch {
                throw StartFailure(.other, "The warehouse cannot be used: \(error)")
            }
        default:
            throw StartFailure(
                .other,
                "The warehouse must be duckdb, duckdb:FOLDER, clickhouse://USER:PASSWORD@HOST:PORT/DATABASE, none or none:trim"
            )
        }
    }

    /// The engine, not asked anything yet; nil for none.
    ///
    /// - Parameters:
    ///   - folder: The data folder.
    ///   - program: DuckDB's program; nil looks for it on `PATH`.
    ///   - logger: Hears of what the engine's tables lack and what can wait; nil for commands, which have no log.
    /// - Returns: The engine; it is asked nothing before `prepare`.
    package func warehouse(in folder: DataFolder, program: String?, logger: Logger? = nil) -> (any Warehouse)? {
        switch self {
        case .none: return nil
        case .clickHouse(let address): return ClickHouseWarehouse(address) { logger?.warning("\($0)") }
        case .duckDB(let path):
            var options = DuckDBOptions(folder: path ?? folder.warehouseFolder)
            options.program = program
            return DuckDBWarehouse(options)
        }
    }
}
