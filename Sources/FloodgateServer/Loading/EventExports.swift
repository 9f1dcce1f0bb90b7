// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDuckDB
import FloodgateIngest
package import FloodgateSQLite
package import Logging
import Metrics
import ServiceLifecycle

/// Hands events on to others: as files by hour, and to a webhook.
package struct EventExports: Service {
    private let exporter: EventExporter?
    private let webhook: EventWebhook?
    private let parquet: DuckDBParquetWriter?
    private let sender = HTTPWebhookSender()
    private let registry: MetricsRegistry
    private let now: @Sendable () -> Int64

    /// Makes what `settings` ask for; nil if that is nothing.
    /// - Throws: `StartFailure` if a file that says how far an export is cannot be read, or DuckDB is needed and not there.
    package init?(
        _ settings: ServerSettings,
        log: SQLiteEventLog,
        folder: DataFolder,
        registry: MetricsRegistry,
        now: @escaping @Sendable () -> Int64,
        logger: Logger
    ) throws(StartFailure) {
        guard settings.export != nil || settings.webhook != nil else { return nil }
        self.registry = registry
        self.now = now
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

    /// Brings the metrics up to date; done every few seconds while this runs.
    package func show() async {
        if let report = await exporter?.report {
            registry.raise("export_files", to: report.files)
            registry.raise("export_rows", to: report.rows)
            show("export", report.failures, waitingSince: report.waitingSince)
        }
        if let report = await webhook?.report {
            registry.raise("webhook_posts", to: report.posts)
            registry.raise("webhook_events", to: report.events)
            registry.raise("webhook_refused_events", to: report.refusedEvents)
            show("webhook", report.failures, waitingSince: report.waitingSince)
        }
    }

    private func show(_ name: String, _ failures: [String: Int64], waitingSince: Int64?) {
        for (reason, count) in failures { registry.raise("\(name)_failures", [("reason", reason)], to: count) }
        let waiting = waitingSince.map { max(0, now().subtractingReportingOverflow($0).partialValue) } ?? 0
        Meter(label: "\(name)_lag_seconds", factory: registry).set(waiting / 1_000)
    }

    package func run() async {
        await cancelWhenGracefulShutdown { [self] in
            await withTaskGroup(of: Void.self) { group in
                if let exporter { group.addTask { await exporter.run() } }
                if let webhook { group.addTask { await webhook.run() } }
                group.addTask { [self] in
                    while (try? await Task.sleep(for: .seconds(5))) != nil { await show() }
                }
            }
        }
        await parquet?.shutdown()
        await sender.shutdown()
    }
}
