// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import NIOCore
import NIOSSL
import Synchronization
import Testing

/// Streams over TLS and HTTP/1, which stay in their channels: they keep the same promises as those in clear text.
struct SecureStreamTests {
    private static let request = "GET /events HTTP/1.1\r\nHost: a\r\n\r\n"
    private static let farewell = "d\r\nretry: 1000\n\n\r\n0\r\n\r\n"
    /// More than the kernel keeps for both sides.
    private static let tooMuch = 12 << 20

    private static func event(_ number: Int, _ text: String? = nil, step: String? = nil) -> FeedEvent {
        FeedEvent(
            number: number,
            whole: ByteBuffer(string: "data: \(text ?? String(number))\n\n"),
            step: step.map { ByteBuffer(string: "data: \($0)\n\n") }
        )
    }

    /// Connections that read the feed and have the head of the answer.
    private static func open(_ count: Int, _ port: Int) async throws -> [RawConnection] {
        var connections: [RawConnection] = []
        for _ in 0..<count {
            let connection = try await RawConnection.open(port, tls: .client(offering: ["http/1.1"]))
            try await connection.send(request)
            await connection.text { $0.contains("\r\n\r\n") }
            connections.append(connection)
        }
        return connections
    }

    @Test func `give the newest event at once, and a step to who takes steps`() async throws {
        try await withTLSDoor { port, service, _, _ in
            // None of them fits between the events.
            service.stream.withLock { $0.heartbeat = .seconds(1_000_000) }
            service.feed.publish(Self.event(4))
            let whole = try await Self.open(1, port)[0]
            #expect(await whole.text { $0.contains("data: 4") }.contains("strict-transport-security"))
            service.stream.withLock { ($0.held, $0.takesSteps) = (4, true) }
            let step = try await Self.open(1, port)[0]
            service.feed.publish(Self.event(5, step: "four to five"))
            await step.text { $0.contains("four to five") }
            #expect(await whole.text { $0.contains("data: 5") }.contains("9\r\ndata: 4\n\n\r\n9\r\ndata: 5\n\n\r\n"))
            service.feed.publish(Self.event(7, "seven", step: "six to seven"))
            let stepped = await step.text { $0.contains("seven") }
            #expect(stepped.hasSuffix("\r\n\r\n14\r\ndata: four to five\n\n\r\nd\r\ndata: seven\n\n\r\n"))
            #expect(await whole.text { $0.contains("seven") }.hasSuffix("d\r\ndata: seven\n\n\r\n"))
            for connection in [whole, step] { try await connection.close() }
            await until { service.readers.load(ordering: .relaxed) == 0 }
            #expect(service.readers.load(ordering: .relaxed) == 0)
        }
    }

    @Test func `say that they live, and end when the reader is not welcome any more`() async throws {
        try await withTLSDoor { port, service, _, _ in
            service.stream.withLock { $0.heartbeat = .milliseconds(100) }
            let reader = try await Self.open(1, port)[0]
            await reader.text { $0.ranges(of: "6\r\n: hb\n\n\r\n").count >= 2 }
            service.stream.withLock { $0.isWelcome = false }
            #expect(await reader.textToTheEnd().hasSuffix("6\r\n: hb\n\n\r\n" + Self.farewell))
            #expect(await service.closes("stream_key") == 1)
        }
    }

    @Test func `leave a server that stops over some time, each in good order`() async throws {
        try await withTLSDoor { port, service, _, _ in
            service.stream.withLock { $0.drain = .milliseconds(600) }
            let connections = try await Self.open(6, port)
            let stop = service.stop.withLock { $0 }
            await stop()
            for connection in connections { #expect(await connection.textToTheEnd().hasSuffix(Self.farewell)) }
            await until { service.readers.load(ordering: .relaxed) == 0 }
            #expect(service.readers.load(ordering: .relaxed) == 0)
        }
    }

    @Test func `keep the newest alone for who does not read, and the end behind it`() async throws {
        var limits = HTTPLimits()
        limits.writeTimeout = .seconds(300)
        try await withTLSDoor(limits) { port, service, _, _ in
            service.stream.withLock { $0.heartbeat = .seconds(1_000_000) }
            let slow = try await Self.open(1, port)[0]
            try await slow.reads(false)
            service.feed.publish(Self.event(1, String(repeating: "a", count: Self.tooMuch)))
            let quick = try await Self.open(1, port)[0]
            await quick.wait(for: Self.tooMuch)
            for number in 2...4 {
                service.feed.publish(Self.event(number))
                let end = Array("9\r\ndata: \(number)\n\n\r\n".utf8)
                await until { quick.bytes.suffix(end.count) == end[...] }
            }
            try await slow.reads(true)
            let end = Array("aaa\n\n\r\n9\r\ndata: 4\n\n\r\n".utf8)
            await until { slow.bytes.suffix(end.count) == end[...] }
            #expect(slow.bytes.suffix(end.count) == end[...])
            for connection in [slow, quick] { try await connection.close() }
        }
    }

    @Test func `end when the client takes nothing for too long, and others go on`() async throws {
        var limits = HTTPLimits()
        limits.writeTimeout = .seconds(5)
        try await withTLSDoor(limits) { port, service, _, _ in
            let silent = try await Self.open(1, port)[0]
            try await silent.reads(false)
            let quick = try await Self.open(1, port)[0]
            service.feed.publish(Self.event(1, String(repeating: "a", count: Self.tooMuch)))
            await until { service.readers.load(ordering: .relaxed) == 1 }
            #expect(await service.closes("stream_lag") == 1)
            await quick.wait(for: Self.tooMuch)
            service.feed.publish(Self.event(2))
            let end = Array("9\r\ndata: 2\n\n\r\n".utf8)
            await until { quick.bytes.suffix(end.count) == end[...] }
            #expect(quick.bytes.suffix(end.count) == end[...])
            // The rest may come, but nothing that looks like the end of an answer.
            try await silent.reads(true)
            await until { silent.isClosed }
            #expect(silent.isClosed && !silent.bytes.suffix(Self.farewell.utf8.count).elementsEqual(Self.farewell.utf8))
            try await quick.close()
        }
    }

    private func until(_ condition: () -> Bool) async {
        for _ in 0..<4_000 where !condition() { try? await Task.sleep(for: .milliseconds(5)) }
    }
}
