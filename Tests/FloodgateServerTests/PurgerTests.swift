// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import FloodgateJSON
import FloodgateServer
import FloodgateSpecs
import Foundation
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

        /// 0 stands for no answer, -1 for one that does not come.
        @Sendable func send(_ url: String) async throws -> Int {
            let status = state.withLock { state in
                state.seen.append(url)
                return state.script.isEmpty ? 200 : state.script.removeFirst()
            }
            asked.continuation.yield()
            if status == 0 { throw Unreachable() }
            if status < 0 { try await Task.sleep(for: .seconds(3_600)) }
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

    private func purger(_ caches: [String], _ cache: ScriptedCache, in folder: DataFolder? = nil) -> Purger {
        Purger(
            caches,
            folder: folder,
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

    @Test func `a process purges what one before it has handed out, if something was switched off in between`()
        async throws
    {
        let folder = try PurgeFolder()
        let first = ScriptedCache()
        let before = purger(["http://a:1"], first, in: folder.data)
        before.didShow(try snapshot(off: ["a"]), after: nil)
        before.note("fgd_one", of: key("fgd_one"))
        before.note("fgd_two", of: key("fgd_two", "development"))
        try await run(before) {}
        #expect(first.seen.isEmpty)

        // The same gates are off: what is sent afterwards is all that is sent.
        let second = ScriptedCache()
        let after = purger(["http://a:1"], second, in: folder.data)
        after.didShow(try snapshot(off: ["a"], time: 2), after: nil)
        after.note("fgd_three", of: key("fgd_three", "staging"))
        ring.revoked.withLock { _ = $0.insert(KeyDigest(of: "fgd_three")) }
        after.didChangeKeys()
        try await run(after) { await second.until(3) }
        #expect(second.seen.count == 3 && second.seen.allSatisfy { $0.contains("fgd_three") })

        let third = ScriptedCache()
        let other = purger(["http://a:1"], third, in: folder.data)
        other.didShow(try snapshot(off: ["b"], time: 3), after: nil)
        try await run(other) { await third.until(3) }
        #expect(Set(third.seen) == Set(["", "/kill", "/manifest"].map { "http://a:1/delivery/v1/fgd_one\($0)" }))
    }

    @Test func `a process that ends before it has purged leaves that to the next one`() async throws {
        let folder = try PurgeFolder()
        let before = purger(["http://a:1"], ScriptedCache(), in: folder.data)
        before.didShow(try snapshot(), after: nil)
        before.note("fgd_one", of: key("fgd_one"))
        try await run(before) {}
        let stuck = ScriptedCache([-1])
        let during = purger(["http://a:1"], stuck, in: folder.data)
        during.didShow(try snapshot(off: ["a"], time: 2), after: nil)
        try await run(during) { await stuck.until(1) }
        let cache = ScriptedCache()
        let after = purger(["http://a:1"], cache, in: folder.data)
        after.didShow(try snapshot(off: ["a"], time: 2), after: nil)
        try await run(after) { await cache.until(3) }
        #expect(cache.seen.count == 3)
    }

    @Test func `what could not be purged is left to the next process`() async throws {
        let folder = try PurgeFolder()
        let failing = ScriptedCache(Array(repeating: 503, count: 1_000))
        let before = purger(["http://a:1"], failing, in: folder.data)
        before.note("fgd_one", of: key("fgd_one"))
        ring.revoked.withLock { _ = $0.insert(KeyDigest(of: "fgd_one")) }
        before.didChangeKeys()
        try await run(before) { await failing.until(12) }
        let cache = ScriptedCache()
        let after = purger(["http://a:1"], cache, in: folder.data)
        after.didChangeKeys()
        try await run(after) {
            await cache.until(3)
            while !registry.text.contains("cache_purges_total{result=\"ok\"} 3") { await Task.yield() }
        }
        #expect(cache.seen.count == 3)
    }

    @Test func `what could not be purged is not forgotten with the next document`() async throws {
        let folder = try PurgeFolder()
        let failing = ScriptedCache(Array(repeating: 503, count: 1_000))
        let before = purger(["http://a:1"], failing, in: folder.data)
        let (old, new) = (try snapshot(off: ["a"]), try snapshot(off: ["b"]))
        before.didShow(old, after: nil)
        before.note("fgd_one", of: key("fgd_one"))
        before.didShow(new, after: old)
        try await run(before) {
            await failing.until(12)
            before.didShow(new, after: new)
            await failing.until(13)
        }
        let cache = ScriptedCache()
        let after = purger(["http://a:1"], cache, in: folder.data)
        after.didShow(new, after: nil)
        try await run(after) { await cache.until(3) }
        #expect(cache.seen.count == 3)
    }

    @Test(arguments: ["", "{", "[]", #"{"ids":7,"off":[]}"#, #"{"ids":{"fgd_one":1},"off":{"production":null}}"#])
    func `a damaged file is as good as none`(content: String) async throws {
        let folder = try PurgeFolder()
        try folder.write(content)
        let cache = ScriptedCache()
        let purger = purger(["http://a:1"], cache, in: folder.data)
        purger.didShow(try snapshot(off: ["a"]), after: nil)
        purger.note("fgd_two", of: key("fgd_two"))
        purger.didShow(try snapshot(off: ["b"]), after: try snapshot(off: ["a"]))
        try await run(purger) { await cache.until(3) }
        #expect(cache.seen.count == 3)
        #expect(try folder.read().contains("fgd_two"))
    }

    @Test func `a server without caches remembers nothing`() async throws {
        let cache = ScriptedCache()
        let purger = purger([], cache)
        purger.note("fgd_one", of: key("fgd_one"))
        purger.didShow(try snapshot(off: ["a"]), after: try snapshot())
        #expect(cache.seen.isEmpty)
    }
}

/// A data folder that goes with the test.
private final class PurgeFolder: Sendable {
    let data: DataFolder

    init() throws {
        data = DataFolder(path: FileManager.default.temporaryDirectory.path() + "/floodgate-purge-\(UUID())")
        try data.prepare()
    }

    deinit { try? FileManager.default.removeItem(atPath: data.path) }

    private var file: String { data.path + "/purge.json" }

    func write(_ content: String) throws { try content.write(toFile: file, atomically: true, encoding: .utf8) }

    func read() throws -> String { try String(contentsOfFile: file, encoding: .utf8) }
}
