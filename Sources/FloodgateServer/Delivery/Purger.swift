// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
package import FloodgateControlPlane
package import FloodgateDelivery
package import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Synchronization

/// Has caches in front of this server fetch anew when a gate was switched off or on, or a delivery id revoked.
///
/// It knows the ids that it was asked for: what nobody asked for of late no cache holds as new. Nothing waits for it; what
/// cannot be reached is tried again a few times and then counts as failed, and the cache finds out by itself within the
/// lifetimes of `DeliveryRoutes`.
package final class Purger: Service {
    /// Sends one `PURGE`, and gives the status that came back.
    package typealias Send = @Sendable (_ url: String) async throws -> Int

    private struct State: Sendable {
        /// By key, so that they are never more than there are keys.
        var ids: [KeyDigest: (text: String, environment: String)] = [:]
        /// Ids whose objects are to be fetched anew, until that was tried.
        var due: Set<String> = []
    }

    private let caches: [String]
    private let isActive: @Sendable (KeyDigest) -> Bool
    private let send: Send
    private let metrics: ServerMetrics
    private let logger: Logger
    private let pause: @Sendable (_ attempt: Int) async throws -> Void
    private let state = Mutex(State())
    private let wakes = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// How often one address is tried.
    private static let attempts = 4

    /// Purges the caches at these addresses.
    /// - Parameters:
    ///   - caches: Base addresses such as `http://10.0.0.7:8081`.
    ///   - isActive: Whether a key is good.
    ///   - metrics: Where results are counted.
    ///   - logger: What failures are told to.
    ///   - send: How to send; over HTTP with two seconds' patience if nil.
    ///   - pause: How long to wait before another attempt.
    package init(
        _ caches: [String],
        isActive: @escaping @Sendable (KeyDigest) -> Bool,
        metrics: ServerMetrics,
        logger: Logger,
        send: Send? = nil,
        pause: @escaping @Sendable (_ attempt: Int) async throws -> Void = { attempt in
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...(200 << attempt))))
        }
    ) {
        self.caches = caches
        self.isActive = isActive
        self.metrics = metrics
        self.logger = logger
        self.send = send ?? Self.overHTTP
        self.pause = pause
    }

    // MARK: What is told to it

    /// Somebody asked for the document of a delivery id.
    package func note(_ id: String, of key: SDKKey) {
        guard !caches.isEmpty else { return }
        state.withLock { $0.ids[key.digest] = (id, key.environment) }
    }

    /// Another document is shown than `old`.
    package func didShow(_ snapshot: PreparedSnapshot, after old: PreparedSnapshot?) {
        guard !caches.isEmpty, let old, Set(old.switchedOff) != Set(snapshot.switchedOff) else { return }
        let isDue = state.withLock { state in
            for id in state.ids.values where id.environment == snapshot.environment { state.due.insert(id.text) }
            return !state.due.isEmpty
        }
        if isDue { wakes.continuation.yield() }
    }

    /// Keys were made or revoked.
    package func didChangeKeys() {
        guard !caches.isEmpty else { return }
        let isDue = state.withLock { state in
            for (digest, id) in state.ids where !isActive(digest) {
                state.ids[digest] = nil
                state.due.insert(id.text)
            }
            return !state.due.isEmpty
        }
        if isDue { wakes.continuation.yield() }
    }

    // MARK: What it does

    /// Purges what is due, until the group shuts down.
    package func run() async {
        await cancelWhenGracefulShutdown {
            for await _ in self.wakes.stream {
                let ids = self.state.withLock { state in
                    defer { state.due = [] }
                    return state.due
                }
                await self.purge(ids.sorted())
            }
        }
    }

    private func purge(_ ids: [String]) async {
        await withTaskGroup(of: Void.self) { group in
            for cache in caches { group.addTask { await self.purge(ids, at: cache) } }
        }
    }

    private func purge(_ ids: [String], at cache: String) async {
        var failures: [String: Int] = [:]
        // The kill switches first, since whoever reads them looks most often.
        for path in ids.flatMap({ id in ["/kill", "", "/manifest"].map { "/delivery/v1/\(id)\($0)" } }) {
            let result = await result(of: cache + path)
            metrics.purged(result)
            if result != "ok" { failures[result, default: 0] += 1 }
            if Task.isCancelled { return }
            // The others' kill switches wait for this one: the next round asks again.
            if result == "unreachable" { break }
        }
        guard !failures.isEmpty else {
            return logger.info(
                "A cache was purged",
                metadata: ["cache": .string(cache), "ids": .stringConvertible(ids.count)]
            )
        }
        let list = failures.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        logger.warning(
            "A cache was not purged; it hands out what it has until that is too old",
            metadata: ["cache": .string(cache), "failures": .string(list)]
        )
    }

    /// What became of it: `ok`, `refused` for a cache that does not do it, `failed` for one that could not, `unreachable`.
    private func result(of url: String) async -> String {
        var last = "unreachable"
        for attempt in 0..<Self.attempts {
            do {
                if attempt > 0 { try await pause(attempt) }
                let status = try await send(url)
                switch status {
                case 200..<300, 404: return "ok"
                case 400..<500: return "refused"
                default: last = "failed"
                }
            } catch is CancellationError {
                return last
            } catch { last = "unreachable" }
        }
        return last
    }

    private static let overHTTP: Send = { url in
        var request = HTTPClientRequest(url: url)
        request.method = .RAW(value: "PURGE")
        let response = try await HTTPClient.shared.execute(request, timeout: .seconds(2))
        _ = try? await response.body.collect(upTo: 64 << 10)
        return Int(response.status.code)
    }
}
