// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
package import FloodgateControlPlane
package import FloodgateDelivery
import FloodgateJSON
package import Logging
import NIOCore
import NIOHTTP1
import ServiceLifecycle
import Synchronization

/// Has caches in front of this server fetch anew when a gate was switched off or on, or a delivery id revoked.
///
/// It knows the ids that it was asked for, in this process or one before it on the same data folder: what nobody asked for
/// no cache holds. What changed while no process ran, or could not be purged, is purged at the next start. Nothing waits for
/// it; what cannot be reached is tried again a few times and then counts as failed, and the cache finds out by itself within
/// the lifetimes of `DeliveryRoutes`.
package final class Purger: Service {
    /// Sends one `PURGE`, and gives the status that came back.
    package typealias Send = @Sendable (_ url: String) async throws -> Int

    private struct State: Sendable {
        var memory: PurgeMemory
        /// What `memory.off` becomes once that was purged.
        var shown: [String: String] = [:]
        /// Whether the disk lacks something of `memory`.
        var isUnsaved = false
        /// Ids whose objects are to be fetched anew, until that was tried.
        var due: Set<String> = []

        /// Caches hold `shown`.
        mutating func settle(_ shown: [String: String]) {
            let old = memory.off
            memory.off.merge(shown) { $1 }
            if memory.off != old { isUnsaved = true }
        }
    }

    private let caches: [String]
    private let isActive: @Sendable (KeyDigest) -> Bool
    private let send: Send
    private let metrics: ServerMetrics
    private let logger: Logger
    private let pause: @Sendable (_ attempt: Int) async throws -> Void
    private let state: Mutex<State>
    private let folder: DataFolder?
    private let wakes = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// How often one address is tried.
    private static let attempts = 4

    /// Purges the caches at these addresses.
    /// - Parameters:
    ///   - caches: Base addresses such as `http://10.0.0.7:8081`.
    ///   - folder: Where it is kept what to purge; nil for nowhere.
    ///   - isActive: Whether a key is good.
    ///   - metrics: Where results are counted.
    ///   - logger: What failures are told to.
    ///   - send: How to send; over HTTP with two seconds' patience if nil.
    ///   - pause: How long to wait before another attempt.
    package init(
        _ caches: [String],
        folder: DataFolder? = nil,
        isActive: @escaping @Sendable (KeyDigest) -> Bool,
        metrics: ServerMetrics,
        logger: Logger,
        send: Send? = nil,
        pause: @escaping @Sendable (_ attempt: Int) async throws -> Void = { attempt in
            try await Task.sleep(for: .milliseconds(Int.random(in: 0...(200 << attempt))))
        }
    ) {
        self.caches = caches
        self.folder = caches.isEmpty ? nil : folder
        state = Mutex(State(memory: self.folder.map { PurgeMemory(readingFrom: $0.purgeFile) } ?? PurgeMemory()))
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
        state.withLock { state in
            guard state.memory.ids[key.digest]?.environment != key.environment else { return }
            state.memory.ids[key.digest] = (id, key.environment)
            state.isUnsaved = true
        }
    }

    /// Another document is shown than `old`; without one, the first since the process runs.
    package func didShow(_ snapshot: PreparedSnapshot, after old: PreparedSnapshot?) {
        guard !caches.isEmpty else { return }
        let (environment, mark) = (snapshot.environment, PurgeMemory.mark(of: snapshot))
        let isDue = state.withLock { state in
            let known = old.map(PurgeMemory.mark) ?? state.memory.off[environment] ?? mark
            state.shown[environment] = mark
            // What a purge that failed has left there is tried again with the next document.
            let isUnpurged = state.memory.off[environment].map { $0 != mark } ?? false
            if known != mark || isUnpurged {
                for id in state.memory.ids.values where id.environment == environment { state.due.insert(id.text) }
            }
            if state.due.isEmpty { state.settle([environment: mark]) }
            return !state.due.isEmpty
        }
        if isDue { wakes.continuation.yield() }
    }

    /// Keys were made or revoked.
    package func didChangeKeys() {
        guard !caches.isEmpty else { return }
        let isDue = state.withLock { state in
            for (digest, id) in state.memory.ids where !isActive(digest) { state.due.insert(id.text) }
            return !state.due.isEmpty
        }
        if isDue { wakes.continuation.yield() }
    }

    // MARK: What it does

    /// Purges what is due, until the group shuts down.
    package func run() async {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    // What is new waits for a moment, so that many new ids are written once.
                    while (try? await Task.sleep(for: .seconds(1))) != nil { self.save() }
                }
                for await _ in self.wakes.stream { await self.purgeWhatIsDue() }
                group.cancelAll()
            }
        }
        save()
    }

    private func purgeWhatIsDue() async {
        let (ids, shown) = state.withLock { state in
            defer { state.due = [] }
            return (state.due, state.shown)
        }
        guard await purge(ids.sorted()) else { return }
        state.withLock { state in
            state.settle(shown)
            for (digest, id) in state.memory.ids where ids.contains(id.text) && !isActive(digest) {
                state.memory.ids[digest] = nil
                state.isUnsaved = true
            }
        }
    }

    /// Writes down what changed, if anything did.
    private func save() {
        guard let folder else { return }
        let memory = state.withLock { state -> PurgeMemory? in
            defer { state.isUnsaved = false }
            return state.isUnsaved ? state.memory : nil
        }
        guard let memory else { return }
        do { try folder.save(memory.json.bytes, as: folder.purgeFile) } catch {
            state.withLock { $0.isUnsaved = true }
            logger.debug("What to purge was not written down", metadata: ["error": .string("\(error)")])
        }
    }

    /// Whether all caches did it, or never will.
    private func purge(_ ids: [String]) async -> Bool {
        await withTaskGroup(of: Bool.self) { group in
            for cache in caches { group.addTask { await self.purge(ids, at: cache) } }
            return await group.reduce(true) { $0 && $1 }
        }
    }

    private func purge(_ ids: [String], at cache: String) async -> Bool {
        var failures: [String: Int] = [:]
        // The kill switches first, since whoever reads them looks most often.
        for path in ids.flatMap({ id in ["/kill", "", "/manifest"].map { "/delivery/v1/\(id)\($0)" } }) {
            let result = await result(of: cache + path)
            metrics.purged(result)
            if result != "ok" { failures[result, default: 0] += 1 }
            if Task.isCancelled { return false }
            // The others' kill switches wait for this one: the next round asks again.
            if result == "unreachable" { break }
        }
        guard !failures.isEmpty else {
            logger.info(
                "A cache was purged",
                metadata: ["cache": .string(cache), "ids": .stringConvertible(ids.count)]
            )
            return true
        }
        let list = failures.sorted { $0.key < $1.key }.map { "\($0.value) \($0.key)" }.joined(separator: ", ")
        logger.warning(
            "A cache was not purged; it hands out what it has until that is too old",
            metadata: ["cache": .string(cache), "failures": .string(list)]
        )
        return failures.keys.allSatisfy { $0 == "refused" }
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
