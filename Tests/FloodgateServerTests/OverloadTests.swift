// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateHTTP
import FloodgateIngest
import FloodgateJSON
import FloodgateServer
import HTTPTypes
import Synchronization
import Testing

@Suite("Beside a flood") struct OverloadTests {
    /// What a good client asks for besides events.
    private static func checkGoodClient(_ server: TestServer) async throws {
        for (method, path, key) in [
            (.get, "/v2/download_config_specs", .server), (.post, "/v1/download_config_specs", .server),
            (.post, "/v1/initialize", .client), (.get, "/livez", nil),
            (.put, "/console/v1/gates/new_checkout/disable", .console),
        ] as [(HTTPRequest.Method, String, KeyKind?)] {
            let answer = try await server.send(method, path, key: key, body: method == .get ? nil : "{}")
            #expect(answer.status == .ok, "\(method) \(path)")
        }
    }

    @Test func `of bad keys from its own address a good client is served, and the flood is told to wait`() async throws
    {
        let server = try await TestServer { $0.failedRequests = .init(perSecond: 0.001, burst: 50) }
        var statuses: [Int: Int] = [:]
        for round in 0..<500 {
            let answer = try await server.send(
                .post,
                "/v1/initialize",
                headers: [.sdkKey: "client-unknown-\(round)"],
                body: "{}"
            )
            statuses[answer.status.code, default: 0] += 1
            if round % 50 == 49 { try await Self.checkGoodClient(server) }
        }
        #expect(statuses == [401: 50, 429: 450])
    }

    @Test func `of events that wait for a slow disk a good client is served, and each of them is answered in the end`()
        async throws
    {
        let log = StalledEventLog()
        let server = try await TestServer(log: log) {
            $0.concurrency.start = 2
            $0.concurrency.least = 2
        }
        let events = #"{"events":[{"eventName":"a"}]}"#
        let statuses = try await withThrowingTaskGroup(of: Int.self) { tasks in
            func send() {
                tasks.addTask { try await server.send(.post, "/v1/rgstr", key: .server, body: events).status.code }
            }
            // Two are worked on, and wait for the disk; two more wait for their turn.
            for _ in 0..<2 { send() }
            try await log.waitUntil(stalled: 2)
            for _ in 0..<2 { send() }
            var refused = 0
            // Until both are there, the ones that are asked here may take their places, and so wait.
            while refused < 200 {
                send()
                if try await tasks.next() == 503 { refused += 1 }
                if refused % 50 == 0 { try await Self.checkGoodClient(server) }
            }
            // Those that waited too long are refused; what the disk has taken by then is good.
            server.server.guards.tick(at: MonotonicClock.now + 200_000_000)
            log.goOn()
            var statuses: [Int] = []
            for try await status in tasks { statuses.append(status) }
            return statuses
        }
        #expect(statuses.count == 4)
        #expect(statuses.count { $0 == 202 } >= 2)
        #expect(statuses.allSatisfy { $0 == 202 || $0 == 503 })
        #expect(try await server.send(.post, "/v1/rgstr", key: .server, body: events).status.code == 202)
    }
}

/// An event log whose disk does nothing until it is told to go on.
private final class StalledEventLog: EventLog {
    private struct State {
        var isStalled = true
        var waiting: [CheckedContinuation<Void, Never>] = []
    }

    private let log = InMemoryEventLog()
    private let state = Mutex(State())

    var isAccepting: Bool { true }

    func append(_ batch: LoggedBatch) async throws(EventLogError) -> Int64 {
        await withCheckedContinuation { continuation in
            let isStalled = state.withLock { state in
                if state.isStalled { state.waiting.append(continuation) }
                return state.isStalled
            }
            if !isStalled { continuation.resume() }
        }
        return try await log.append(batch)
    }

    func read(after position: Int64, limit: Int) async throws(EventLogError) -> [LoggedBatch] {
        try await log.read(after: position, limit: limit)
    }

    var fill: Double { 0 }

    var trouble: EventLogError.Code? { nil }

    func segments() async throws(EventLogError) -> [LoggedSegment] { [] }

    func counts() async throws(EventLogError) -> EventCounts { try await log.counts() }

    func waitUntil(stalled count: Int) async throws {
        for _ in 0..<4_000 where state.withLock({ $0.waiting.count }) < count {
            try await Task.sleep(for: .milliseconds(5))
        }
    }

    func goOn() {
        let waiting = state.withLock { state in
            state.isStalled = false
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
