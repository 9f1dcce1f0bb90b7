// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import Synchronization
import Testing

@Suite("Pace of refusals") struct RefusalPaceTests {
    private typealias Pace = RefusalPace<Int>
    private static let start: UInt64 = 1_000_000_000_000
    private static let millisecond: UInt64 = 1_000_000

    @Test func `lets a burst of refusals through, and then as many as flow in, the longest waiting first`() {
        var pace = Pace(at: Self.start)
        let waiting = (0..<Int(Pace.burst) + 50).filter { pace.mustWait($0, at: Self.start) }
        #expect(waiting == Array(Int(Pace.burst)..<Int(Pace.burst) + 50))
        var now = Self.start
        var released: [Int] = []
        for _ in 0..<10 {
            now += Self.millisecond
            released += pace.release(at: now)
        }
        #expect(released == Array(waiting.prefix(Int(Pace.perSecond / 100))))
        while !pace.isEmpty {
            now += Self.millisecond
            released += pace.release(at: now)
        }
        #expect(released == waiting)
        #expect(now - Self.start <= Pace.longest)
    }

    @Test func `keeps nobody waiting for longer than it says, and forgets a flood that is over`() {
        var pace = Pace(at: Self.start)
        let count = 20 * Int(Pace.perSecond)
        for connection in 0..<count { _ = pace.mustWait(connection, at: Self.start) }
        let released = pace.release(at: Self.start + Pace.longest - Self.millisecond).count
        #expect(released <= Int(Pace.perSecond))
        #expect(pace.release(at: Self.start + Pace.longest).count == count - Int(Pace.burst) - released)
        #expect(pace.isEmpty)
        // A moment later a refusal is nothing special again.
        let waits = pace.mustWait(0, at: Self.start + Pace.longest + 2 * Self.millisecond)
        #expect(!waits)
    }

    @Test
    func `does not read a client that comes again at once after very many refusals, but later, and serves others`()
        async throws
    {
        try await withDoor { port, service in
            let hasty = try await RawConnection.open(port)
            let request = "GET /overloaded HTTP/1.1\r\nhost: a\r\n\r\n"
            let count = Int(Pace.burst) + 20
            for _ in 0..<count { try await hasty.send(request) }
            try await hasty.send("GET /last HTTP/1.1\r\nhost: a\r\n\r\n")
            let other = try await RawConnection.open(port)
            try await other.send("GET /fast HTTP/1.1\r\nhost: a\r\n\r\n")
            #expect(await other.text { $0.hasSuffix("fast\n") }.hasSuffix("fast\n"))
            let text = await hasty.text { $0.contains("GET /last 0 ") }
            #expect(text.split(separator: "HTTP/1.1 503 ", omittingEmptySubsequences: false).count == count + 1)
            #expect(text.contains("GET /last 0 "))
            #expect(service.refusals.withLock { $0.count } == count)
        }
    }
}

@Suite("Turns") struct TurnTests {
    /// Keeps requests waiting until it is told what becomes of them.
    private final class Waiting: Sendable {
        let turns = Mutex<[@Sendable (Turn) -> Void]>([])

        func enter(_ then: @escaping @Sendable (Turn) -> Void) -> Turn {
            turns.withLock { $0.append(then) }
            return .later
        }

        /// Tells the next one, once there is one.
        func tell(_ turn: Turn) async {
            for _ in 0..<4_000 {
                let next = turns.withLock { $0.isEmpty ? nil : $0.removeFirst() }
                if let next { return next(turn) }
                try? await Task.sleep(for: .milliseconds(5))
            }
        }
    }

    @Test func `of a request come later, or never, and the connection goes on`() async throws {
        let waiting = Waiting()
        try await withDoor(turn: { waiting.enter($0) }) { port, service in
            let connection = try await RawConnection.open(port)
            #expect(try await Self.statuses(connection, waiting, .refused) == ["503"])
            #expect(try await Self.statuses(connection, waiting, .now) == ["503", "200"])
            #expect(try await Self.statuses(connection, waiting, .refused) == ["503", "200", "503"])
            #expect(service.served.load(ordering: .relaxed) == 1)
            #expect(service.left.load(ordering: .relaxed) == 0)
        }
    }

    /// Sends a request that is told `turn`; the statuses of all answers on the connection so far.
    private static func statuses(_ connection: RawConnection, _ waiting: Waiting, _ turn: Turn) async throws -> [String]
    {
        func answers(_ text: String) -> [String] {
            text.split(separator: "HTTP/1.1 ").filter { $0.hasSuffix("\n") }.map { String($0.prefix(3)) }
        }
        let before = answers(connection.text).count
        try await connection.send("GET /a HTTP/1.1\r\nhost: a\r\n\r\n")
        await waiting.tell(turn)
        return answers(await connection.text { answers($0).count > before })
    }

    @Test func `are given back if the client is gone when they come`() async throws {
        let waiting = Waiting()
        try await withDoor(turn: { waiting.enter($0) }) { port, service in
            let connection = try await RawConnection.open(port)
            try await connection.send("GET /a HTTP/1.1\r\nhost: a\r\n\r\n")
            while waiting.turns.withLock({ $0.isEmpty }) { await Task.yield() }
            try await connection.reset()
            let client = try await HTTP2Client.open(port)
            try await client.request(1, "/a", thenResets: true)
            while waiting.turns.withLock({ $0.count }) < 2 { await Task.yield() }
            // Another connection on the same loops shows that the reset was seen.
            let stream = try await HTTP2Client.open(port)
            try await stream.request(1, "/fast")
            #expect(try await stream.answer(1).text == "fast\n")
            for _ in 0..<2 { await waiting.tell(.now) }
            for _ in 0..<4_000 where service.left.load(ordering: .relaxed) + service.served.load(ordering: .relaxed) < 2
            {
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(service.left.load(ordering: .relaxed) == 2)
            try await client.close()
            try await stream.close()
        }
    }
}
