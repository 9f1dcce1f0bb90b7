// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import Synchronization
import Testing

@Suite("HTTP/2 under abuse") struct HTTP2AbuseTests {
    private static let calm = 11

    /// A frame that asks for nothing, sent over and over.
    struct Flood: CustomTestStringConvertible, Sendable {
        let testDescription: String
        let frames: @Sendable (Int) -> [RawFrame]

        static let all = [
            Flood("unknown frames") { _ in [RawFrame(kind: 0xB7, stream: 0, content: [1, 2, 3])] },
            Flood("unknown frames of streams") { _ in [RawFrame(kind: 0x10, flags: 255, stream: 1)] },
            Flood("window updates of the connection") { _ in [.windowUpdate(0, 1)] },
            Flood("window updates of a stream") { _ in [.windowUpdate(1, 1)] },
            Flood("GOAWAY") { _ in [RawFrame(kind: 7, content: Array(repeating: 0, count: 8))] },
            Flood("PRIORITY") { _ in [RawFrame(kind: 2, stream: 1, content: [0, 0, 0, 0, 16])] },
            Flood("PING") { _ in [RawFrame(kind: 6, content: Array(repeating: 7, count: 8))] },
            Flood("answers to no PING") { _ in [RawFrame(kind: 6, flags: 1, content: Array(repeating: 7, count: 8))] },
            Flood("SETTINGS") { _ in [RawFrame(kind: 4)] },
            Flood("settings by the hundred") { _ in
                [RawFrame(kind: 4, content: (0..<400).flatMap { [0, 4] + RawFrame.number(65_000 + $0) })]
            },
            Flood("empty DATA") { _ in [.data(1, 0)] },
            Flood("resets of new streams") { [.request(3 + 2 * $0, "/slow"), .reset(3 + 2 * $0)] },
            Flood("resets of one stream") { _ in [.reset(1)] },
            Flood("requests that break the rules") { number in
                [
                    RawFrame(
                        kind: 1,
                        flags: 5,
                        stream: 3 + 2 * number,
                        content: RawFrame.fields("/") + [0, 1, 0x41, 1, 0x62]
                    )
                ]
            },
            Flood("window updates of nothing") { [.request(3 + 2 * $0, "/slow"), .windowUpdate(3 + 2 * $0, 0)] },
        ]

        init(_ description: String, _ frames: @escaping @Sendable (Int) -> [RawFrame]) {
            testDescription = description
            self.frames = frames
        }
    }

    @Test(arguments: Flood.all)
    func `ends a connection that sends what asks for nothing, and serves the others`(flood: Flood) async throws {
        try await withDoor { port, _ in
            let good = try await RawConnection.openHTTP2(port)
            let bad = try await RawConnection.openHTTP2(port)
            // An upload that never goes on, so that there is a stream to send frames for.
            try await bad.send([.request(1, "/a", method: "POST", flags: RawFrame.endHeaders)])
            for number in 0..<50 {
                let frames = (0..<10).flatMap { flood.frames(number * 10 + $0) }
                guard !bad.isClosed, (try? await bad.send(frames)) != nil else { break }
                if number % 10 == 0 {
                    try await good.send([.request(1 + 2 * number, "/fast")])
                    #expect(
                        await good.frames { $0.contains(.end(of: 1 + 2 * number)) }.body(of: 1 + 2 * number) == "fast\n"
                    )
                }
            }
            let frames = await bad.frames()
            #expect(frames.contains(.goAway(Self.calm)), "\(frames.suffix(3))")
            #expect(bad.isClosed)
            try await good.send([.request(201, "/fast")])
            #expect(await good.frames { $0.contains(.end(of: 201)) }.body(of: 201) == "fast\n")
        }
    }

    @Test func `takes few frames of any kind`() async throws {
        try await withDoor { port, _ in
            let client = try await RawConnection.openHTTP2(port)
            for number in 0..<150 {
                try await client.send([
                    RawFrame(kind: 0xB7), .windowUpdate(0, 1),
                    number % 2 == 0
                        ? RawFrame(kind: 2, stream: 1, content: [0, 0, 0, 0, 16])
                        : RawFrame(kind: 6, content: Array(repeating: 7, count: 8)),
                    .request(1 + 2 * number, "/fast"),
                ])
                // A client may have only so many requests open at once, however slow the server's machine is.
                if number % 50 == 49 { await client.frames { $0.contains(.end(of: 1 + 2 * number)) } }
            }
            let frames = await client.frames { $0.contains(.end(of: 299)) }
            #expect((0..<150).allSatisfy { frames.body(of: 1 + 2 * $0) == "fast\n" })
            #expect(!client.isClosed)
        }
    }

    @Test func `takes as many window updates as a large download brings`() async throws {
        try await withDoor { port, _ in
            let client = try await RawConnection.openHTTP2(port, [(4, 1 << 20)])
            try await client.send([.windowUpdate(0, 1 << 30)])
            for number in 0..<30 {
                let stream = 1 + 2 * number
                try await client.send([.request(stream, "/large")])
                let frames = await client.frames { $0.contains(.end(of: stream)) }
                #expect(frames.bytes(of: stream) == 100_000)
                // One for each 4 KiB that were read, of the connection and of a stream.
                for _ in 0..<25 { try await client.send([.windowUpdate(0, 4_096), .windowUpdate(stream, 4_096)]) }
            }
            try await client.send([.request(101, "/fast")])
            #expect(await client.frames { $0.contains(.end(of: 101)) }.body(of: 101) == "fast\n")
        }
    }

    @Test(arguments: [
        // A header block without an end, one whose CONTINUATION does not end it, and frames that do not come to an end.
        [RawFrame.request(3, "/a", flags: RawFrame.endStream)],
        [RawFrame.request(3, "/a", flags: RawFrame.endStream), RawFrame(kind: 9, stream: 3, content: [])],
    ])
    func `ends a header block that does not come to its end beside an open stream`(frames: [RawFrame]) async throws {
        try await endsUnfinished(frames.flatMap(\.bytes), thenDrips: [])
    }

    @Test(arguments: [
        RawFrame.request(3, "/a"), RawFrame(kind: 6, content: Array(repeating: 7, count: 8)),
        RawFrame(kind: 0xB7, content: Array(repeating: 7, count: 16_384)), .data(1, 16_384),
    ])
    func `ends a frame that drips beside an open stream`(frame: RawFrame) async throws {
        try await endsUnfinished(Array(frame.bytes.prefix(5)), thenDrips: frame.bytes.dropFirst(5).dropLast())
    }

    private func endsUnfinished(_ bytes: [UInt8], thenDrips drip: ArraySlice<UInt8>) async throws {
        var limits = HTTPLimits()
        // Also the time that a busy machine has to send the first request in.
        limits.headerTimeout = .seconds(2)
        limits.bodyTimeout = .seconds(3)
        try await withDoor(limits) { port, service in
            let client = try await RawConnection.openHTTP2(port)
            try await client.send([.request(1, "/endless")])
            await client.frames { $0.bytes(of: 1) > 0 }
            try await client.send(bytes)
            for byte in drip where !client.isClosed {
                guard (try? await client.send([byte])) != nil else { break }
                try await Task.sleep(for: .milliseconds(20))
            }
            #expect(await client.frames().contains(.goAway(0)))
            #expect(client.isClosed)
            #expect(await service.closes("header_timeout") == 1)
        }
    }

    @Test func `ends a connection that lets no answer out`() async throws {
        var limits = HTTPLimits()
        limits.writeTimeout = .milliseconds(300)
        try await withDoor(limits) { port, service in
            let client = try await RawConnection.openHTTP2(port, [(4, 0)])
            try await client.send([.request(1, "/large"), .request(3, "/a"), .request(5, "/endless")])
            let frames = await client.frames()
            #expect(client.isClosed && frames.contains(.goAway(0)))
            #expect([1, 3, 5].allSatisfy { frames.bytes(of: $0) == 0 })
            #expect(await service.closes("write_timeout") == 1)
        }
    }

    @Test func `ends a connection that lets answers out byte by byte`() async throws {
        var limits = HTTPLimits()
        limits.writeTimeout = .milliseconds(300)
        limits.controlFrames = 100_000
        try await withDoor(limits) { port, service in
            let client = try await RawConnection.openHTTP2(port, [(4, 0)])
            try await client.send([.request(1, "/large")])
            while !client.isClosed {
                guard (try? await client.send([.windowUpdate(1, 1)])) != nil else { break }
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(await client.frames().contains(.goAway(0)))
            #expect(await service.closes("write_timeout") == 1)
        }
    }

    @Test func `ends a stream that lets no answer out, and goes on with the others`() async throws {
        var limits = HTTPLimits()
        // The others must make headway in this time, on a busy machine, too.
        limits.writeTimeout = .seconds(2)
        try await withDoor(limits) { port, service in
            let client = try await RawConnection.openHTTP2(port, [(4, 0)])
            try await client.send([.windowUpdate(0, 1 << 30), .request(1, "/large")])
            for number in 1..<2_000 {
                let stream = 1 + 2 * number
                try await client.send([.request(stream, "/large"), .windowUpdate(stream, 100_000)])
                let frames = await client.frames { $0.contains(.end(of: stream)) }
                #expect(frames.bytes(of: stream) == 100_000)
                if frames.contains(.reset(1, 8)) { break }
                try await Task.sleep(for: .milliseconds(100))
            }
            #expect(await service.closes("stream_write_timeout") == 1)
            #expect([RawFrame](client.bytes).bytes(of: 1) == 0)
            #expect(!client.isClosed)
        }
    }

    @Test func `takes the bytes of a refused upload off the window of the connection`() async throws {
        try await withDoor { port, _ in
            let client = try await RawConnection.openHTTP2(port)
            for number in 0..<10 {
                let stream = 1 + 2 * number
                try await client.send([.request(stream, "/refused", method: "POST", flags: RawFrame.endHeaders)])
                await client.frames { $0.contains(.reset(stream, 0)) }
                // What was on its way already.
                try await client.send([.data(stream, 16_000), .data(stream, 16_000)])
                // The window has room for two such uploads, no more.
                let needed = (number + 1) * 32_000 - 33_535
                await client.frames { $0.windowGiven(to: 0) >= needed }
                #expect([RawFrame](client.bytes).windowGiven(to: 0) >= needed)
            }
            try await client.send([.request(101, "/a", method: "POST", flags: RawFrame.endHeaders)])
            try await client.send([.data(101, 16_000), .data(101, 16_000, flags: RawFrame.endStream)])
            #expect(await client.frames { $0.contains(.end(of: 101)) }.body(of: 101).hasPrefix("POST /a 32000 "))
        }
    }

    @Test func `sends all of an answer before it stops an upload`() async throws {
        try await withDoor { port, _ in
            let client = try await RawConnection.openHTTP2(port, [(4, 0)])
            try await client.send([.windowUpdate(0, 1 << 20)])
            try await client.send([.request(1, "/large", method: "POST", flags: RawFrame.endHeaders)])
            for _ in 0..<10 { try await client.send([.windowUpdate(1, 10_000)]) }
            let frames = await client.frames { $0.contains(.reset(1, 0)) }
            #expect(frames.bytes(of: 1) == 100_000)
            #expect(frames.contains(.end(of: 1)))
        }
    }

    @Test func `serves what was on its way when the server stops`() async throws {
        try await withDoor { port, service in
            let client = try await RawConnection.openHTTP2(port)
            try await client.send([.request(1, "/fast")])
            await client.frames { $0.contains(.end(of: 1)) }
            await service.stop.withLock { $0 }()
            // The first GOAWAY refuses nothing yet, and the PING behind it asks whether it was seen.
            let asked = await client.frames { $0.contains { $0.kind == 6 } }
            #expect(asked.last { $0.kind == 7 }?.content == RawFrame.number(Int(Int32.max)) + RawFrame.number(0))
            let ping = try #require(asked.last { $0.kind == 6 })
            try await client.send([.request(3, "/a"), .request(5, "/large")])
            try await client.send([RawFrame(kind: 6, flags: RawFrame.ack, content: ping.content)])
            let said = await client.frames { $0.filter { $0.kind == 7 }.count == 2 }
            #expect(said.last { $0.kind == 7 }?.content == RawFrame.number(5) + RawFrame.number(0))
            try await client.send([.windowUpdate(0, 1 << 20), .windowUpdate(5, 1 << 20)])
            let frames = await client.frames()
            #expect(frames.body(of: 3).hasPrefix("GET /a 0 "))
            #expect(frames.bytes(of: 5) == 100_000)
            #expect(client.isClosed)
        }
    }

    @Test func `answers what was asked before the client said that it asks no more`() async throws {
        try await withDoor { port, _ in
            let client = try await RawConnection.openHTTP2(port)
            try await client.send([.request(1, "/a"), .request(3, "/fast")])
            try await client.closeOutput()
            let frames = await client.frames()
            #expect(frames.body(of: 1).hasPrefix("GET /a 0 "))
            #expect(frames.body(of: 3) == "fast\n")
            #expect(client.isClosed)
        }
    }

    @Test(arguments: [5, 6])
    func `takes five CONTINUATION frames of one header block`(count: Int) async throws {
        try await withDoor { port, _ in
            let client = try await RawConnection.openHTTP2(port)
            let fields = RawFrame.fields("/fast")
            var frames = [RawFrame(kind: 1, flags: RawFrame.endStream, stream: 1, content: Array(fields.prefix(4)))]
            for number in 1...count {
                let isLast = number == count
                let part = isLast ? fields.dropFirst(3 + number) : fields.dropFirst(3 + number).prefix(1)
                let flags = isLast ? RawFrame.endHeaders : 0
                frames.append(RawFrame(kind: 9, flags: flags, stream: 1, content: Array(part)))
            }
            try await client.send(frames)
            let answer = await client.frames { $0.contains(.end(of: 1)) }
            #expect(answer.body(of: 1) == (count == 5 ? "fast\n" : ""))
            #expect(answer.contains(.goAway(Self.calm)) == (count == 6))
        }
    }

    @Test(arguments: [1, 4, 1_000])
    func `keeps no larger table for a client that offers one`(pieceLength: Int) async throws {
        try await withDoor { port, _ in
            let client = try await RawConnection.open(port)
            let offers = [(3, 50), (1, 65_536), (1, 5_000), (1, Int(UInt32.max)), (4, 70_000)].map {
                (UInt8($0.0), $0.1)
            }
            var bytes = RawFrame.opening(offers).flatMap(\.bytes) + RawFrame.request(1, "/large").bytes
            try await client.send([RawFrame]())
            while !bytes.isEmpty {
                try await client.send(Array(bytes.prefix(pieceLength)))
                bytes.removeFirst(min(pieceLength, bytes.count))
            }
            // The other settings are heeded: all of this fits into the stream's window, but not into the connection's.
            let frames = await client.frames { $0.bytes(of: 1) == 65_535 }
            #expect(frames.bytes(of: 1) == 65_535)
            let block = try #require(frames.first { $0.kind == 1 }?.content)
            // It begins with the sizes that the table gets (RFC 7541 §6.3): 31 and two more groups of 7 bits.
            #expect(block[0] & 0xE0 == 0x20)
            #expect(block[0] == 0x3F && 31 + Int(block[1] & 0x7F) + Int(block[2]) << 7 == 4_095)
        }
    }
}
