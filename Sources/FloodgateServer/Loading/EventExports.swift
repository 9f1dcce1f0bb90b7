// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDuckDB
import FloodgateIngest
import FloodgateSQLite
import Logging
import ServiceLifecycle

/// Hands events on to others: as files by hour, and to a webhook.
package struct EventExports: Service {
    private let exporter: EventExporter?
    private let webhook: EventWebhook?
    private let parquet: DuckDBParquetWriter?
    private let sender = HTTPWebhookSender()

    /// Makes what `settings` ask for; nil if that is nothing.
    /// - Throws: `StartFailure` if a file that says how far an export is cannot be read, or DuckDB is needed and not there.
    init?(
        _ settings: ServerSettings,
        log: SQLiteEventLog,
        folder: DataFolder,
        now: @escaping @Sendable () -> Int64,
        logger: Logger
    ) throws(StartFailure) {
        guard settings.export != nil || settings.webhook != nil else { return nil }
        let node = try NodeName.name(in: folder)
        do {
            let needsParquet = settings.export?.format == .parquet
            let writer = try settings.export.flatMap { export in
                try needsParquet ? DuckDBParquetWriter(folder: export.folder, program: settings.duckDBProgram) : nil
            }
            parquet = writer
            exporter = try settings.export.map { export in
                try EventExporter(
                    log: log,
                    settings: export,
                    options: ExportOptions(node: node),
                    plan: folder.path + "/export.json",
                    logEnd: log.lastPosition,
                    parquet: writer,
                    logger: logger,
                    now: now
                )
            }
            let sender = sender
            webhook = try settings.webhook.map { webhook in
                try EventWebhook(
                    log: log,
                    settings: webhook,
                    options: WebhookOptions(node: node),
                    cursor: folder.path + "/webhook.json",
                    logEnd: log.lastPosition,
                    sender: sender,
                    logger: logger,
                    now: now
                )
            }
        } catch {
            throw StartFailure(.other, "Events cannot be exported: \(error)")
        }
    }

    /// Up to where nobody needs the log any more.
    var position: Int64 {
        min(exporter.map(\.position) ?? .max, webhook.map(\.position) ?? .max)
    }

    /// Has hashed names of gates and configs, which client SDKs may send, written out from now on; `names` are by their hashes.
    func rename(_ names: [String: String]) async {
        try? await exporter?.rename(names)
        await webhook?.rename(names)
    }

    package func run() async {
        await cancelWhenGracefulShutdown { [self] in
            await withTaskGroup(of: Void.self) { group in
                if let exporter { group.addTask { await exporter.run() } }
                if let webhook { group.addTask { await webhook.run() } }
            }
        }
        await parquet?.shutdown()
        await sender.shutdown()
    }
}
