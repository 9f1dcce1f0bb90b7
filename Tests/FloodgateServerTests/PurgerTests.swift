// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import FloodgateJSON
import FloodgateServer
import FloodgateSpecs
import Logging
import Synchronization
import Testing

@Suite("Purges of caches", .timeLimit(.minutes(1))) struct PurgerTests {
    /// A cache that answers as it is told to, in turn, and then 200.
    private final class ScriptedCache: Sendable {
        struct Unreachable: Error {}

        private struct State {
            var seen: [String] = []
            var script: [Int]
        }

        private let state: Mutex<State>
        private let asked = AsyncStream.makeStream(of: Void.self)

        init(_ script: [Int] = []) { state = Mutex(State(script: script)) }

        var seen: [String] { state.withLock { $0.seen } }

        /// 0 stands for no answer.
        @Sendable func send(_ url: String) async throws -> Int {
            let status = state.withLock { state in
                state.seen.append(url)
                return state.script.isEmpty ? 200 : state.script.removeFirst()
            }
            asked.continuation.yield()
            if status == 0 { throw Unreachable() }
            return status
        }

        func until(_ count: Int) async { for await _ in asked.stream where seen.count >= count { return } }
    }

    private final class Ring: Sendable {
        let revoked = Mutex<Set<KeyDigest>>([])
        @Sendable func isActive(_ digest: KeyDigest) -> Bool { !revoked.withLock { $0.contains(digest) } }
    }

    private let registry = MetricsRegistry()
    private let ring = Ring()

    private func purger(_ caches: [String], _ cache: ScriptedCache) -> Purger {
        Purger(
            caches,
            isActive: ring.isActive,
            metrics: ServerMetrics(registry: registry),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() },
            send: cache.send
        ) { _ in }
    }

    private func key(_ text: String, _ environment: String = "production") -> SDKKey {
        SDKKey(
            digest: KeyDigest(of: text),
            lastFour: "",
            kind: .delivery,
            environment: environment,
            createdTime: 0,
            expiresTime: nil
        )
    }

    private func snapshot(off: Set<String> = [], time: Int64 = 1) throws -> PreparedSnapshot {
        let gates = ["a", "b"].map { name -> JSONValue in
            [
                "name": .string(name), "entity": "feature_gate", "type": "feature_gate", "salt": "s",
                "idType": "userID",
                "enabled": .bool(!off.contains(name)), "defaultValue": false, "rules": [],
            ]
        }
        let document = try #require(
            try SpecDocument.read([
                "has_updates": true, "time": .integer(time), "feature_gates": .array(gates), "dynamic_configs": [],
                "layer_configs": [],
            ])
        )
        return try PreparedSnapshot(document, environment: "production", receivedAt: 0)
    }

    private func run(_ purger: Purger, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await purger.run() }
            try await body()
            group.cancelAll()
        }
    }

    @Test func `every object of every id that was asked for is fetched anew when a gate is switched off`() async throws
    {
        let cache = ScriptedCache()
        let purger = purger(["http://a:1", "http://b:2"], cache)
        purger.note("fgd_one", of: key("fgd_one"))
        purger.note("fgd_two", of: key("fgd_two"))
        purger.note("fgd_three", of: key("fgd_three", "development"))
        purger.didShow(try snapshot(off: ["a"]), after: try snapshot())
        try await run(purger) { await cache.until(12) }
        let parts = ["", "/kill", "/manifest"]
        let wanted = ["http://a:1", "http://b:2"].flatMap { base in
            ["fgd_one", "fgd_two"].flatMap { id in parts.map { "\(base)/delivery/v1/\(id)\($0)" } }
        }
        #expect(cache.seen.sorted() == wanted.sorted())
        #expect(registry.text.contains("cache_purges_total{result=\"ok\"} 12"))
    }

    @Test func `nothing is sent for changes that switch nothing off or on, nor for the first document`() async throws {
        let cache = ScriptedCache()
        let purger = purger(["http://a:1"], cache)
        purger.note("fgd_one", of: key("fgd_one"))
        purger.didShow(try snapshot(), after: nil)
        purger.didShow(try snapshot(off: ["a"], time: 2), after: try snapshot(off: ["a"]))
        purger.didChangeKeys()
        // What is sent afterwards is all that is sent.
        purger.didShow(try snapshot(off: ["b"]), after: try snapshot(off: ["a"]))
        try await run(purger) { await cache.until(3) }
        #expect(cache.seen.count == 3)
    }

    @Test func `an id that was revoked is purged once, and forgotten`() async throws {
        let cache = ScriptedCache()
        let purger = purger(["http://a:1"], cache)
        purger.note("fgd_one", of: key("fgd_one"))
        purger.note("fgd_two", of: key("fgd_two"))
        ring.revoked.withLock { _ = $0.insert(KeyDigest(of: "fgd_one")) }
        purger.didChangeKeys()
        purger.didChangeKeys()
        try await run(purger) { await cache.until(3) }
        #expect(Set(cache.seen) == Set(["", "/kill", "/manifest"].map { "http://a:1/delivery/v1/fgd_one\($0)" }))
    }

    @Test(arguments: [
        ([0, 503, 200], 3 + 2, "ok", 3), ([0, 0, 0, 0], 4, "unreachable", 1),
        ([500, 0, 502, 503], 4 + 2, "failed", 1),
        ([405], 1 + 2, "refused", 1), ([404], 1 + 2, "ok", 3),
    ])
    func `a cache that fails is tried again, and then counted by reason`(
        script: [Int],
        requests: Int,
        result: String,
        count: Int
    ) async throws {
        let cache = ScriptedCache(script)
        let purger = purger(["http://a:1"], cache)
        purger.note("fgd_one", of: key("fgd_one"))
        purger.didShow(try snapshot(off: ["a"]), after: try snapshot())
        try await run(purger) {
            await cache.until(requests)
            while !registry.text.contains("cache_purges_total{result=\"\(result)\"} \(count)") { await Task.yield() }
        }
        #expect(cache.seen.count == requests)
    }

    @Test func `a server without caches remembers nothing`() async throws {
        let cache = ScriptedCache()
        let purger = purger([], cache)
        purger.note("fgd_one", of: key("fgd_one"))
        purger.didShow(try snapshot(off: ["a"]), after: try snapshot())
        #expect(cache.seen.isEmpty)
    }
}
