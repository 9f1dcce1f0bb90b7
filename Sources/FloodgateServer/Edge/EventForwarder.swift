// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateIngest
import FloodgateJSON
import FloodgateSQLite
import Logging
import Metrics
import NIOCore
import NIOHTTP1
import ServiceLifecycle

/// Sends what the edge has taken in on to the server that it follows, in order, each batch until it is kept there.
///
/// A batch is never left out. One whose answer was lost is sent again under the same name and number, by which upstream
/// knows it. What upstream has kept is removed after a while, one file of the log at a time.
final class EventForwarder: Service {
    /// What is said of the batch, and not of whoever says it.
    private static let refusals: Set = [400, 413, 415]

    private let upstream: Upstream
    private let log: SQLiteEventLog
    /// How long what was sent on stays in the log.
    private let keepsSent: Duration
    private let plane: DataPlane
    private let file: String
    /// Where the log ended before this process added anything.
    private let lastBefore: Int64
    private let folder: DataFolder

    init(upstream: Upstream, log: SQLiteEventLog, keepsSent: Duration, folder: DataFolder, plane: DataPlane) {
        self.upstream = upstream
        self.log = log
        lastBefore = log.lastPosition
        self.keepsSent = keepsSent
        self.plane = plane
        self.folder = folder
        file = folder.path + "/forwarded.json"
    }

    func run() async {
        await cancelWhenGracefulShutdown { [self] in
            await withTaskGroup(of: Void.self) { group in
                group.addTask { [self] in await forward() }
                group.addTask { [self] in
                    repeat { await trim() } while (try? await Task.sleep(for: .seconds(20))) != nil
                }
            }
        }
    }

    private func forward() async {
        var mark = ForwardingMark(file: file)
        // Of a log that is not there any more.
        if mark.position > lastBefore { mark = ForwardingMark() }
        mark.begin(behind: lastBefore)
        var failures = 0
        var isKept = false
        while !Task.isCancelled {
            do {
                // Before the first batch goes out under the name.
                if !isKept { try mark.keep(in: folder, as: file) }
                isKept = true
                let batches = try await log.read(after: mark.position, limit: 32)
                for batch in batches {
                    try await send(batch, of: mark.edge(of: batch.id))
                    mark.advance(to: batch.id)
                    try mark.keep(in: folder, as: file)
                }
                failures = 0
                if batches.isEmpty { try await Task.sleep(for: .milliseconds(500)) }
            } catch {
                if Task.isCancelled { break }
                failures += 1
                count("events_forward_failures")
                plane.logger.debug("Events were not sent on", metadata: ["error": .string("\(error)")])
                try? await Task.sleep(for: .milliseconds(Int.random(in: 100...min(30_000, 500 << min(failures, 6)))))
            }
        }
    }

    private func send(_ batch: LoggedBatch, of edge: String) async throws {
        var about: JSONObject = [
            "key_kind": .string(batch.keyKind), "received_at": .integer(batch.receivedAt), "edge": .string(edge),
            "id": .integer(batch.id),
        ]
        about.set("sent_at", batch.sentAt.map { .integer($0) })
        about.set("idempotency_key", batch.idempotencyKey.map { .string($0) })
        do throws(Upstream.Failure) {
            _ = try await upstream.ask(
                "/edge/v1/events",
                method: .POST,
                headers: [
                    ("content-type", "application/json"), ("content-encoding", batch.encoding),
                    ("floodgate-batch", JSONValue.object(about).text),
                ],
                body: batch.payload,
                limit: 64 << 10,
                within: .seconds(30),
                statuses: [202],
                finalStatuses: Self.refusals
            )
        } catch {
            // What can never be taken must not hold up what follows; it stays in the log here, until that is removed.
            guard let status = error.status, Self.refusals.contains(status) else { throw error }
            plane.logger.error(
                "A batch is refused upstream and is not sent again",
                metadata: ["batch": .stringConvertible(batch.id), "status": .stringConvertible(status)]
            )
            count("events_forward_refused")
        }
    }

    /// Removes what upstream has kept for long enough.
    private func trim() async {
        let mark = ForwardingMark(file: file)
        let time = plane.now() - keepsSent.components.seconds * 1_000
        do throws(EventLogError) {
            let removed = try await log.trim(through: mark.position, sealedBefore: time)
            guard removed > 0 else { return }
            plane.logger.info(
                "Events that are kept upstream were removed",
                metadata: ["segments": .stringConvertible(removed)]
            )
        } catch {
            plane.logger.warning("Events that are kept upstream stay", metadata: ["error": .string("\(error)")])
        }
    }

    private func count(_ label: String) {
        Counter(label: label, dimensions: [], factory: plane.metrics.registry).increment()
    }
}
