// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import Synchronization
import Testing

/// Rows STO-01 to STO-11 of the checklist.
@Suite("Data store", .timeLimit(.minutes(5))) struct DataStoreTests {
    let user = FloodgateUser(userID: "u1")

    private func entry(_ document: TestDocument, time: UInt64 = 1) -> DataStoreEntry {
        DataStoreEntry(document.bytes, time: time)
    }

    private var stored: TestDocument { TestDocument(time: 1_700_000_000_000, checksum: "s", gates: ["stored": true]) }

    @Test(.rows("STO-01, STO-05, STO-09")) func `starts from the store without a request`() async throws {
        try await Bench.run { bench in
            let store = FakeStore(entry(stored))
            let client = bench.makeClient { $0.dataStore = store }
            let details = await client.initialize()
            #expect(details.isReady)
            #expect(details.failure == nil)
            #expect(details.source == .dataStore)
            #expect(client.gate("stored", for: user).details.reason.wireName == "Adapter(DataStore):Recognized")
            #expect(bench.server.requests("/").isEmpty)
            await client.shutdown()
            await client.shutdown()
            // base64(SHA-256("secret-test"))
            let key = "statsig|/v2/download_config_specs|plain_text|Dt7ERiJXCse8wMF9P+S/e4lou2z+6IvoP2xNIdIy3rU="
            #expect(store.calls == ["initialize", "get \(key)", "shutdown"])
        }
    }

    @Test(.rows("STO-02")) func `asks the server when the store is empty, and fills it`() async throws {
        try await Bench.run { bench in
            let store = FakeStore(nil)
            let client = bench.makeClient { $0.dataStore = store }
            let details = await client.initialize()
            #expect(details.source == .network)
            #expect(details.failure == nil)
            await client.shutdown()
            #expect(store.entry == entry(TestDocument(), time: 1_750_000_000_000))
        }
    }

    @Test(.rows("STO-03, STO-10"), arguments: ["throws", "corrupt", "empty bytes", "no updates"])
    func `asks the server when the store is no good`(kind: String) async throws {
        try await Bench.run { bench in
            let log = RecordingLog()
            let bytes: [String: String] = ["corrupt": "{", "empty bytes": "", "no updates": #"{"has_updates":false}"#]
            let store = FakeStore(bytes[kind].map { DataStoreEntry(Array($0.utf8), time: 1) })
            if kind == "throws" { store.fail(["initialize", "get"]) }
            let client = bench.makeClient {
                $0.dataStore = store
                $0.logger = log.logger
            }
            let details = await client.initialize()
            #expect(details.source == .network)
            #expect(details.failure == nil)
            #expect(client.checkGate("open", for: user))
            let hasTrouble = log.lines.contains { $0.contains("The data store is in trouble") }
            #expect(hasTrouble == (kind != "no updates"))
            #expect(!log.lines.contains { $0.contains("very private") })
            await client.shutdown()
        }
    }

    @Test(.rows("STO-04")) func `goes on when the store takes nothing, and says so once`() async throws {
        try await Bench.run { bench in
            let log = RecordingLog()
            let store = FakeStore(nil)
            store.fail(["set", "shutdown"])
            let client = bench.makeClient {
                $0.dataStore = store
                $0.logger = log.logger
            }
            #expect(await client.initialize().isReady)
            bench.server.on(Bench.specs, .ok(TestDocument(checksum: "2", gates: ["new": true]).text))
            await bench.poll()
            #expect(client.checkGate("new", for: user))
            #expect(store.calls.count { $0.hasPrefix("set") } == 2)
            #expect(log.lines.count { $0.contains("The data store is in trouble") } == 1)
            await client.shutdown()
        }
    }

    @Test(.rows("STO-06")) func `polls the store alone if it is kept up to date`() async throws {
        try await Bench.run { bench in
            let store = FakeStore(entry(stored), isPolled: true)
            let client = bench.makeClient { $0.dataStore = store }
            await client.initialize()
            store.put(entry(TestDocument(gates: ["newer": true])))
            await bench.poll()
            #expect(client.checkGate("newer", for: user))
            #expect(client.gate("newer", for: user).details.reason.wireName == "Adapter(DataStore):Recognized")
            store.fail(["get"])
            await bench.poll()
            #expect(client.checkGate("newer", for: user))
            #expect(bench.server.requests(Bench.specs).isEmpty)
            #expect(!store.calls.contains { $0.hasPrefix("set") })
            await client.shutdown()
        }
    }

    @Test(.rows("STO-06, SYN-15")) func `polls the store without a network`() async throws {
        try await Bench.run { bench in
            let store = FakeStore(nil, isPolled: true)
            let client = bench.makeClient {
                $0.dataStore = store
                $0.disableNetwork = true
            }
            #expect(await client.initialize().source == .noValues)
            store.put(entry(stored))
            await bench.poll()
            #expect(client.checkGate("stored", for: user))
            #expect(bench.server.requests("/").isEmpty)
            await client.shutdown()
        }
    }

    @Test(.rows("STO-07, STO-08")) func `polls the server, and writes what is newer into the store`() async throws {
        try await Bench.run { bench in
            let store = FakeStore(entry(stored))
            let client = bench.makeClient { $0.dataStore = store }
            await client.initialize()
            await bench.poll()
            #expect(client.checkGate("open", for: user))
            #expect(store.entry == entry(TestDocument(), time: 1_750_000_000_000))
            bench.server.on(Bench.specs, .ok(#"{"has_updates":false}"#))
            await bench.poll()
            #expect(store.calls.count { $0.hasPrefix("set") } == 1)
            await client.shutdown()
        }
    }

    @Test(.rows("STO-07, INI-27")) func `wins over a bootstrap document that is no newer, which it is not given`()
        async throws
    {
        try await Bench.run { bench in
            let store = FakeStore(entry(stored))
            for (time, isStored) in [(1_600_000_000_000, true), (1_710_000_000_000, false)] as [(Int64, Bool)] {
                let client = bench.makeClient {
                    $0.bootstrap = TestDocument(time: time, checksum: "b", gates: ["given": true]).bytes
                    $0.dataStore = store
                }
                let details = await client.initialize()
                #expect(details.source == (isStored ? .dataStore : .bootstrap))
                #expect(client.checkGate("stored", for: user) == isStored)
                #expect(client.checkGate("given", for: user) == !isStored)
                await client.shutdown()
            }
            #expect(!store.calls.contains { $0.hasPrefix("set") })
            #expect(bench.server.requests(Bench.specs).isEmpty)
        }
    }

    @Test(.rows("STO-11")) func `believes the document's own time`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient { $0.dataStore = FakeStore(entry(stored, time: 9_999_999_999_999)) }
            await client.initialize()
            await bench.poll()
            #expect(bench.server.requests(Bench.specs).last?.uri.contains("sinceTime=1700000000000&") == true)
            #expect(client.checkGate("open", for: user))
            await client.shutdown()
        }
    }

    @Test(.rows("FAI-02, LIF-02")) func `is not held up by a store that hangs, nor by its shutdown`() async throws {
        try await Bench.run { bench in
            let store = FakeStore(nil)
            store.hang()
            let client = bench.makeClient { $0.dataStore = store }
            async let details = client.initialize()
            await bench.clock.pass(.seconds(2))
            #expect(await details.source == .network)
            bench.server.on(Bench.specs, .ok(TestDocument(checksum: "2", gates: ["new": true]).text))
            // The store has not come back from its first call, so nobody waits for another.
            await bench.poll()
            #expect(client.checkGate("new", for: user))
            await client.shutdown()
            #expect(store.calls == ["initialize"])
            store.resume()
            while !store.calls.contains("shutdown"), !Task.isCancelled { await Task.yield() }
        }
    }

    @Test(.rows("STO-09")) func `is told of the end when the client is let go`() async throws {
        try await Bench.run { bench in
            let store = FakeStore(entry(stored))
            do {
                let client = bench.makeClient { $0.dataStore = store }
                await client.initialize()
                await bench.clock.isAsked(for: .seconds(10))
            }
            while !store.calls.contains("shutdown"), !Task.isCancelled { await Task.yield() }
            #expect(store.calls.count { $0 == "shutdown" } == 1)
        }
    }
}

/// A data store that does as a test says.
private final class FakeStore: DataStore {
    struct Failure: Error, CustomStringConvertible {
        var description: String { "very private" }
    }

    private struct State {
        var entry: DataStoreEntry?
        var calls: [String] = []
        var failing: Set<String> = []
        var isHanging = false
        var hanging: [CheckedContinuation<Void, Never>] = []
    }

    private let state: Mutex<State>
    private let isPolled: Bool

    init(_ entry: DataStoreEntry?, isPolled: Bool = false) {
        self.state = Mutex(State(entry: entry))
        self.isPolled = isPolled
    }

    var entry: DataStoreEntry? { state.withLock { $0.entry } }
    var calls: [String] { state.withLock { $0.calls } }

    func put(_ entry: DataStoreEntry) { state.withLock { $0.entry = entry } }
    func fail(_ calls: Set<String>) { state.withLock { $0.failing = calls } }
    /// Lets no call end from now on, cancelled or not.
    func hang() { state.withLock { $0.isHanging = true } }

    /// Lets all calls end.
    func resume() {
        let hanging = state.withLock { state in
            state.isHanging = false
            defer { state.hanging = [] }
            return state.hanging
        }
        for continuation in hanging { continuation.resume() }
    }

    private func note(_ call: String, _ more: String = "") async throws {
        let isHanging = state.withLock { state in
            state.calls.append(call + more)
            return state.isHanging
        }
        if isHanging { await withCheckedContinuation { wait in state.withLock { $0.hanging.append(wait) } } }
        if state.withLock({ $0.failing.contains(call) }) { throw Failure() }
    }

    func initialize() async throws { try await note("initialize") }
    func shutdown() async throws { try await note("shutdown") }

    func get(_ key: String) async throws -> DataStoreEntry? {
        try await note("get", " \(key)")
        return entry
    }

    func set(_ key: String, to value: DataStoreEntry) async throws {
        try await note("set", " \(key)")
        put(value)
    }

    func supportsPollingUpdates(for path: String) -> Bool { isPolled && path == "/v2/download_config_specs" }
}
