// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateIngest
import FloodgateJSON
import FoundationEssentials
import Logging
import Metrics
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Synchronization

/// Sends what the edge has taken in on to the server that it follows, in order, each batch until it is kept there.
///
/// A batch may arrive twice, when the answer to it was lost; it is never left out.
final class EventForwarder: Service {
    private let upstream: Upstream
    private let plane: DataPlane
    private let file: String
    private let folder: DataFolder
    /// Batches that are behind: kept here and not yet there.
    private let behind = Atomic<Int>(0)

    init(upstream: Upstream, folder: DataFolder, plane: DataPlane) {
        self.upstream = upstream
        self.plane = plane
        self.folder = folder
        file = folder.path + "/forwarded.json"
    }

    func run() async {
        await cancelWhenGracefulShutdown { [self] in
            var position = position
            // Of a log that is not there any more.
            if let counts = try? await plane.intake.log.counts(), position > counts.lastPosition { position = 0 }
            var failures = 0
            while !Task.isCancelled {
                do {
                    let batches = try await plane.intake.log.read(after: position, limit: 32)
                    behind.store(batches.count, ordering: .relaxed)
                    for batch in batches {
                        try await send(batch)
                        position = batch.id
                    }
                    if let last = batches.last { try keep(last.id) }
                    failures = 0
                    if batches.isEmpty { try await Task.sleep(for: .milliseconds(500)) }
                } catch is CancellationError {
                    break
                } catch {
                    failures += 1
                    try? keep(position)
                    Counter(label: "events_forward_failures", dimensions: [], factory: plane.metrics.registry)
                        .increment()
                    plane.logger.debug("Events were not sent on", metadata: ["error": .string("\(error)")])
                    try? await Task.sleep(
                        for: .milliseconds(Int.random(in: 100...min(30_000, 500 << min(failures, 6))))
                    )
                }
            }
        }
    }

    private func send(_ batch: LoggedBatch) async throws {
        var about: JSONObject = [
            "key_kind": .string(batch.keyKind), "received_at": .integer(batch.receivedAt), "id": .integer(batch.id),
        ]
        about.set("sent_at", batch.sentAt.map { .integer($0) })
        do throws(Upstream.Failure) {
            _ = try await upstream.ask(
                "/edge/v1/events",
                method: .POST,
                headers: [
                    ("content-type", "application/json"), ("content-encoding", "zstd"),
                    ("floodgate-batch", JSONValue.object(about).text),
                ],
                body: batch.payload,
                limit: 64 << 10,
                within: .seconds(30),
                statuses: [202]
            )
        } catch {
            // What can never be taken must not hold up what follows; it stays in the log here.
            guard let status = error.status, [400, 413, 415].contains(status) else { throw error }
            plane.logger.error(
                "A batch is refused upstream and stays here",
                metadata: ["batch": .stringConvertible(batch.id), "status": .stringConvertible(status)]
            )
            Counter(label: "events_forward_refused", dimensions: [], factory: plane.metrics.registry).increment()
        }
    }

    /// Up to where everything was sent on.
    private var position: Int64 {
        let content = try? Data(contentsOf: URL(filePath: file))
        return (content.flatMap { try? JSONValue(parsing: [UInt8]($0)) })?["position"]?.integerValue ?? 0
    }

    private func keep(_ position: Int64) throws(StartFailure) {
        try folder.save(JSONValue.object(["position": .integer(position)]).bytes, as: file)
    }
}
