// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import NIOCore
import Synchronization
import Testing

/// Streams of events: everybody gets the newest, and nobody waits for anybody else.
struct EventFeedTests {
    private static let request = "GET /events HTTP/1.1\r\nHost: a\r\n\r\n"

    private static func event(_ number: Int, _ text: String? = nil, step: String? = nil) -> FeedEvent {
        FeedEvent(
            number: number,
            whole: ByteBuffer(string: "data: \(text ?? String(number))\n\n"),
            step: step.map { ByteBuffer(string: "data: \($0)\n\n") }
        )
    }

    @Test func `give the newest event at once and all that follow, in chunks`() async throws {
        try await withDoor { port, service in
            service.feed.publish(Self.event(1))
            service.feed.publish(Self.event(2))
            let reader = try await RawConnection.open(port)
            try await reader.send(Self.request)
            #expect(await reader.text { $0.contains("data: 2") }.contains("transfer-encoding: chunked"))
            service.feed.publish(Self.event(3))
            await until { reader.text.contains("data: 3") }
            #expect(reader.text.hasSuffix("\r\n\r\n9\r\ndata: 2\n\n\r\n9\r\ndata: 3\n\n\r\n"))
            try await reader.close()
        }
    }

    @Test func `go without chunks to who speaks HTTP/1.0`() async throws {
        try await withDoor { port, service in
            service.feed.publish(Self.event(1))
            let reader = try await RawConnection.open(port)
            try await reader.send("GET /events HTTP/1.0\r\n\r\n")
            let text = await reader.text { $0.contains("data: 1") }
            #expect(text.hasSuffix("\r\n\r\ndata: 1\n\n"))
            try await reader.close()
        }
    }

    @Test func `go over HTTP/2 as well`() async throws {
        try await withDoor { port, service in
            service.feed.publish(Self.event(1))
            let client = try await HTTP2Client.open(port)
            try await client.request(1, "/events")
            #expect(await client.body(of: 1) { $0.contains("data: 1") })
            service.feed.publish(Self.event(2))
            #expect(await client.body(of: 1) { $0.hasSuffix("data: 1\n\ndata: 2\n\n") })
            try await client.close()
        }
    }

    @Test func `say nothing to who holds the newest, and a step to who holds the one before`() async throws {
        try await withDoor { port, service in
            service.feed.publish(Self.event(4))
            service.stream.withLock { rules in
                rules.held = 4
                rules.takesSteps = true
            }
            let reader = try await RawConnection.open(port)
            try await reader.send(Self.request)
            await reader.text { $0.contains("\r\n\r\n") }
            service.feed.publish(Self.event(5, step: "four to five"))
            service.feed.publish(Self.event(7, "seven", step: "six to seven"))
            let text = await reader.text { $0.contains("seven") }
            #expect(text.contains("\r\n\r\n14\r\ndata: four to five\n\n\r\nd\r\ndata: seven\n\n"))
            try await reader.close()
        }
    }

    @Test func `never give an older event than the one before`() async throws {
        try await withDoor { port, service in
            service.feed.publish(Self.event(2))
            service.feed.publish(Self.event(1))
            let reader = try await RawConnection.open(port)
            try await reader.send(Self.request)
            service.feed.publish(Self.event(3))
            await until { reader.text.contains("data: 3") }
            #expect(reader.text.contains("data: 3") && !reader.text.contains("data: 1"))
            try await reader.close()
        }
    }

    @Test func `keep the newest alone for who does not read, and hold nobody else up`() async throws {
        try await withDoor { port, service in
            let slow = try await RawConnection.open(port)
            try await slow.send(Self.request)
            let quick = try await RawConnection.open(port)
            try await quick.send(Self.request)
            for connection in [slow, quick] { await connection.text { $0.contains("\r\n\r\n") } }
            try await slow.reads(false)
            // More than the kernel keeps for both sides.
            let filler = String(repeating: "a", count: 1 << 20)
            for number in 1...24 {
                service.feed.publish(Self.event(number, "\(filler) \(number)"))
                await quick.wait(for: number << 20)
            }
            let end = Array(" 24\n\n\r\n".utf8)
            await until { quick.bytes.suffix(end.count) == end[...] }
            #expect(quick.bytes.suffix(end.count) == end[...])
            try await slow.reads(true)
            await until { slow.bytes.suffix(end.count) == end[...] }
            #expect(slow.bytes.suffix(end.count) == end[...])
            let text = slow.text
            #expect(text.split(separator: "data: ").count < 20)
            for connection in [slow, quick] { try await connection.close() }
        }
    }

    @Test func `end when their time is over, in good order`() async throws {
        try await withDoor { port, service in
            service.stream.withLock { $0.life = .milliseconds(100) }
            let reader = try await RawConnection.open(port)
            try await reader.send(Self.request)
            #expect(await reader.textToTheEnd().hasSuffix("d\r\nretry: 1000\n\n\r\n0\r\n\r\n"))
        }
    }

    @Test func `say that they live, and end when the reader is not welcome any more`() async throws {
        try await withDoor { port, service in
            service.stream.withLock { $0.heartbeat = .milliseconds(100) }
            let reader = try await RawConnection.open(port)
            try await reader.send(Self.request)
            await reader.text { $0.contains("6\r\n: hb\n\n\r\n") }
            service.stream.withLock { $0.isWelcome = false }
            #expect(await reader.textToTheEnd().hasSuffix("retry: 1000\n\n\r\n0\r\n\r\n"))
            #expect(await service.closes("stream_key") == 1)
        }
    }

    @Test func `give their places back however they end`() async throws {
        try await withDoor { port, service in
            let (closed, reset) = (try await RawConnection.open(port), try await RawConnection.open(port))
            for connection in [closed, reset] {
                try await connection.send(Self.request)
                await connection.text { $0.contains("\r\n\r\n") }
            }
            let client = try await HTTP2Client.open(port)
            try await client.request(1, "/events")
            try await client.request(3, "/fast")
            _ = try await client.answer(3)
            await until { service.readers.load(ordering: .relaxed) == 3 }
            #expect(service.readers.load(ordering: .relaxed) == 3)
            try await closed.close()
            try await reset.reset()
            try await client.close()
            await until { service.readers.load(ordering: .relaxed) == 0 }
            #expect(service.readers.load(ordering: .relaxed) == 0)
        }
    }

    @Test func `end in good order when the server stops`() async throws {
        try await withDoor { port, service in
            let reader = try await RawConnection.open(port)
            try await reader.send(Self.request)
            await reader.text { $0.contains("\r\n\r\n") }
            let client = try await HTTP2Client.open(port)
            try await client.request(1, "/events")
            await until { service.readers.load(ordering: .relaxed) == 2 }
            let stop = service.stop.withLock { $0 }
            await stop()
            #expect(await reader.textToTheEnd().hasSuffix("d\r\nretry: 1000\n\n\r\n0\r\n\r\n"))
            let last = try await client.answer(1)
            #expect(last.isOver && last.text == "retry: 1000\n\n")
        }
    }

    @Test func `end in good order when they begin after the server began to stop`() async throws {
        var limits = HTTPLimits()
        limits.lingerTimeout = .milliseconds(300)
        try await withDoor(limits, drainTimeout: .seconds(60)) { port, service in
            service.stream.withLock { $0.isHeld = true }
            let reader = try await RawConnection.open(port)
            try await reader.send(Self.request)
            let client = try await RawConnection.openHTTP2(port)
            try await client.send([.request(1, "/events")])
            await until { service.served.load(ordering: .relaxed) == 2 }
            let stop = service.stop.withLock { $0 }
            await stop()
            // Told a second time, it knows that no request is taken any more.
            await client.frames { $0.count { $0.kind == 7 } == 2 }
            service.stream.withLock { $0.isHeld = false }
            #expect(await reader.textToTheEnd().hasSuffix("\r\n\r\nd\r\nretry: 1000\n\n\r\n0\r\n\r\n"))
            let frames = await client.frames { $0.contains(.end(of: 1)) }
            #expect(frames.contains(.end(of: 1)) && frames.body(of: 1) == "retry: 1000\n\n")
            await until { service.readers.load(ordering: .relaxed) == 0 }
            #expect(service.readers.load(ordering: .relaxed) == 0)
        }
    }

    @Test func `end over HTTP/2 when the client lets nothing out, and the connection goes on`() async throws {
        var limits = HTTPLimits()
        limits.writeTimeout = .seconds(2)
        try await withDoor(limits) { port, service in
            // No bytes may be sent on streams unless each is given room.
            let client = try await RawConnection.openHTTP2(port, [(4, 0)])
            service.feed.publish(Self.event(1))
            try await client.send([.windowUpdate(0, 1 << 30), .request(1, "/events")])
            for number in 1..<2_000 {
                let stream = 1 + 2 * number
                try await client.send([.request(stream, "/large"), .windowUpdate(stream, 100_000)])
                let frames = await client.frames { $0.contains(.end(of: stream)) }
                #expect(frames.bytes(of: stream) == 100_000)
                if frames.contains(.reset(1, 8)) { break }
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(await service.closes("stream_lag") == 1)
            #expect(!client.isClosed)
            try await client.close()
        }
    }

    private func until(_ condition: () -> Bool) async {
        for _ in 0..<4_000 where !condition() { try? await Task.sleep(for: .milliseconds(5)) }
    }
}
