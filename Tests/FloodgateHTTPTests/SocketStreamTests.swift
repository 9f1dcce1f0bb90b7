// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import NIOCore
import Synchronization
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Streams whose connections are in no channel any more: nothing of a connection's care is lost with it.
struct SocketStreamTests {
    private static let request = "GET /events HTTP/1.1\r\nHost: a\r\n\r\n"
    /// More than the kernel keeps for both sides.
    private static let tooMuch = 12 << 20

    private static func event(_ number: Int, length: Int = 1) -> FeedEvent {
        let data = String(repeating: "a", count: length - 1) + String(number)
        return FeedEvent(number: number, whole: ByteBuffer(string: "data: \(data)\n\n"))
    }

    /// Connections that read the feed and have the head of the answer.
    private static func open(_ count: Int, _ port: Int) async throws -> [RawConnection] {
        var connections: [RawConnection] = []
        for _ in 0..<count {
            let connection = try await RawConnection.open(port)
            try await connection.send(request)
            await connection.text { $0.contains("\r\n\r\n") }
            connections.append(connection)
        }
        return connections
    }

    @Test func `take one descriptor each, and leave none behind however they end`() async throws {
        try await withDoor { port, service in
            let before = Self.descriptors(of: port)
            var connections = try await Self.open(12, port)
            await until { Self.descriptors(of: port) == before + 12 }
            #expect(Self.descriptors(of: port) == before + 12)
            for connection in connections.prefix(4) { try await connection.close() }
            for connection in connections.dropFirst(4).prefix(4) { try await connection.reset() }
            connections.removeFirst(8)
            await until { Self.descriptors(of: port) == before + 4 }
            #expect(Self.descriptors(of: port) == before + 4)
            service.feed.publish(Self.event(1))
            for connection in connections {
                #expect(await connection.text { $0.contains("data: 1") }.contains("data: 1"))
            }
            let stop = service.stop.withLock { $0 }
            await stop()
            for connection in connections { _ = await connection.textToTheEnd() }
            await until { Self.descriptors(of: port) == 0 }
            #expect(Self.descriptors(of: port) == 0)
        }
    }

    @Test func `notice a client that leaves, by either way, and count it once`() async throws {
        try await withDoor { port, service in
            let connections = try await Self.open(2, port)
            try await connections[0].close()
            await until { service.readers.load(ordering: .relaxed) == 1 }
            // Whoever has nothing more to say is not listening for long.
            try await connections[1].closeOutput()
            _ = await connections[1].textToTheEnd()
            await until { service.readers.load(ordering: .relaxed) == 0 }
            #expect(service.readers.load(ordering: .relaxed) == 0)
            #expect(await service.closes("client") == 2)
            #expect(await service.closes("error") == 0)
        }
    }

    @Test func `end when the client takes nothing for too long, and others go on`() async throws {
        var limits = HTTPLimits()
        limits.writeTimeout = .seconds(1)
        try await withDoor(limits) { port, service in
            service.stream.withLock { $0.opening = "retry: 7000\n\n" }
            let silent = try #require(Self.sendAndDoNothing(port))
            await until { service.readers.load(ordering: .relaxed) == 1 }
            service.feed.publish(Self.event(1, length: Self.tooMuch))
            await until { service.readers.load(ordering: .relaxed) == 0 }
            #expect(await service.closes("stream_lag") == 1)
            #expect(await service.closes("client") == 0)
            // Nothing can be said any more: what it was told first is when to come back, and the end is no good one.
            var start = [UInt8](repeating: 0, count: 512)
            let count = recv(silent, &start, start.count, 0)
            #expect(String(decoding: start.prefix(max(0, count)), as: UTF8.self).contains("d\r\nretry: 7000\n\n\r\n"))
            #expect(await Self.read(silent, until: "no such end").end.hasSuffix("aaaa"))
            service.stream.withLock { $0.opening = nil }
            service.feed.publish(Self.event(2))
            let quick = try await Self.open(1, port)[0]
            service.feed.publish(Self.event(3))
            #expect(await quick.text { $0.contains("data: 3") }.contains("9\r\ndata: 3\n\n\r\n"))
            try await quick.close()
            close(silent)
        }
    }

    @Test func `send the rest to who is behind at the end, and the newest to who is behind before`() async throws {
        var limits = HTTPLimits()
        limits.writeTimeout = .seconds(60)
        try await withDoor(limits) { port, service in
            // A sign of life behind the last event would look like another end.
            service.stream.withLock { $0.heartbeat = .seconds(1_000_000) }
            service.feed.publish(Self.event(1, length: Self.tooMuch))
            let late = try #require(Self.sendAndDoNothing(port))
            // Or it would be given the newest alone.
            await until { Self.hasReceived(1 << 10, late) }
            service.stream.withLock { $0.life = .seconds(1) }
            let over = try #require(Self.sendAndDoNothing(port))
            await until { Self.hasReceived(1 << 10, over) }
            await until { await service.closes("stream_life") == 1 }
            #expect(service.readers.load(ordering: .relaxed) == 1)
            service.feed.publish(Self.event(2))
            service.feed.publish(Self.event(3))
            let rest = await Self.read(over, until: "no such end")
            #expect(rest.count > Self.tooMuch && rest.end.hasSuffix("a1\n\n\r\nd\r\nretry: 1000\n\n\r\n0\r\n\r\n"))
            let all = await Self.read(late, until: "data: 3\n\n\r\n")
            #expect(all.count > Self.tooMuch && all.end.hasSuffix("a1\n\n\r\n9\r\ndata: 3\n\n\r\n"))
            for descriptor in [late, over] { close(descriptor) }
        }
    }

    @Test func `end when the client does not go by itself`() async throws {
        var limits = HTTPLimits()
        limits.lingerTimeout = .milliseconds(300)
        try await withDoor(limits) { port, service in
            service.stream.withLock { $0.life = .milliseconds(100) }
            let before = Self.descriptors(of: port)
            let silent = try #require(Self.sendAndDoNothing(port))
            await until { await service.closes("linger") == 1 }
            #expect(Self.descriptors(of: port) == before)
            #expect(await service.closes("stream_life") == 1)
            #expect(await service.closes("linger") == 1)
            #expect(await service.closes("client") == 0)
            close(silent)
        }
    }

    @Test func `do not mind what the client says`() async throws {
        try await withDoor { port, service in
            let connection = try await Self.open(1, port)[0]
            try await connection.send([UInt8](repeating: 0x61, count: 1 << 19))
            try await connection.send("\r\n\r\n" + Self.request)
            service.feed.publish(Self.event(1))
            let text = await connection.text { $0.contains("data: 1") }
            #expect(text.ranges(of: "HTTP/1.1 ").count == 1)
            #expect(text.hasSuffix("9\r\ndata: 1\n\n\r\n"))
            try await connection.close()
            await until { service.readers.load(ordering: .relaxed) == 0 }
            #expect(service.readers.load(ordering: .relaxed) == 0)
        }
    }

    @Test func `end when the client talks and takes nothing, and others go on`() async throws {
        var limits = HTTPLimits()
        limits.writeTimeout = .seconds(5)
        try await withDoor(limits) { port, service in
            let talker = try #require(Self.sendAndDoNothing(port))
            let quick = try await Self.open(1, port)[0]
            await until { service.readers.load(ordering: .relaxed) == 2 }
            service.feed.publish(Self.event(1, length: Self.tooMuch))
            await quick.wait(for: Self.tooMuch)
            // As much as the kernel takes, all the time.
            let words = [UInt8](repeating: 0x61, count: 1 << 16)
            await until {
                _ = send(talker, words, words.count, Int32(MSG_DONTWAIT | Int(MSG_NOSIGNAL)))
                return service.readers.load(ordering: .relaxed) == 1
            }
            #expect(await service.closes("stream_lag") == 1)
            service.feed.publish(Self.event(2))
            let end = Array("9\r\ndata: 2\n\n\r\n".utf8)
            await until { quick.bytes.suffix(end.count) == end[...] }
            #expect(quick.bytes.suffix(end.count) == end[...])
            try await quick.close()
            close(talker)
        }
    }

    @Test func `beat again and again, each at its own time`() async throws {
        try await withDoor { port, service in
            service.stream.withLock { $0.heartbeat = .milliseconds(50) }
            let connections = try await Self.open(3, port)
            for connection in connections {
                let text = await connection.text { $0.ranges(of: "6\r\n: hb\n\n\r\n").count >= 3 }
                #expect(text.ranges(of: "6\r\n: hb\n\n\r\n").count >= 3)
                try await connection.close()
            }
        }
    }

    @Test func `count among all connections, and make room when they end`() async throws {
        var limits = HTTPLimits()
        limits.connections = 3
        try await withDoor(limits) { port, service in
            let connections = try await Self.open(3, port)
            let excess = try await RawConnection.open(port)
            #expect(await excess.textToTheEnd() == "")
            #expect(await service.closes("too_many") == 1)
            try await connections[0].close()
            await until { service.readers.load(ordering: .relaxed) == 2 }
            let next = try await Self.open(1, port)[0]
            #expect(next.text.hasPrefix("HTTP/1.1 200"))
            for connection in connections.dropFirst() + [next] { try await connection.close() }
        }
    }

    @Test func `leave a server that stops over some time, each in good order`() async throws {
        try await withDoor { port, service in
            service.stream.withLock { $0.drain = .milliseconds(600) }
            let connections = try await Self.open(10, port)
            let stop = service.stop.withLock { $0 }
            await stop()
            for connection in connections {
                #expect(await connection.textToTheEnd().hasSuffix("d\r\nretry: 1000\n\n\r\n0\r\n\r\n"))
            }
            await until { service.readers.load(ordering: .relaxed) == 0 }
            #expect(service.readers.load(ordering: .relaxed) == 0)
        }
    }

    /// How many descriptors of this process belong to sockets of the server at `port`.
    private static func descriptors(of port: Int) -> Int {
        (0..<Int32(2_048)).count { descriptor in
            var address = sockaddr_in()
            var length = socklen_t(MemoryLayout<sockaddr_in>.size)
            let result = withUnsafeMutablePointer(to: &address) { address in
                address.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
            }
            return result == 0 && Int32(address.sin_family) == AF_INET
                && Int(UInt16(bigEndian: address.sin_port)) == port
        }
    }

    /// A connection that asks for the stream and neither reads nor closes; nil if there is none to be had.
    private static func sendAndDoNothing(_ port: Int) -> Int32? {
        #if canImport(Glibc)
            let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            let descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let isConnected = withUnsafePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
            }
        }
        guard isConnected, send(descriptor, request, request.utf8.count, 0) == request.utf8.count else { return nil }
        return descriptor
    }

    /// Whether so many bytes have come in and wait.
    private static func hasReceived(_ count: Int, _ descriptor: Int32) -> Bool {
        var bytes = [UInt8](repeating: 0, count: count)
        return recv(descriptor, &bytes, count, Int32(MSG_PEEK) | Int32(MSG_DONTWAIT)) == count
    }

    /// How much comes in until the connection ends or `end` has come, and the last of it.
    private static func read(_ descriptor: Int32, until end: String) async -> (count: Int, end: String) {
        var count = 0
        var last: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 20)
        while !last.suffix(end.utf8.count).elementsEqual(end.utf8) {
            let length = recv(descriptor, &part, part.count, Int32(MSG_DONTWAIT))
            guard length >= 0 else {
                guard errno == EAGAIN else { break }
                try? await Task.sleep(for: .milliseconds(2))
                continue
            }
            guard length > 0 else { break }
            count += length
            last = (last + part[..<length].suffix(32)).suffix(32)
        }
        return (count, String(decoding: last, as: UTF8.self))
    }

    /// Waits until `condition` holds, for 20 s or a little longer.
    private func until(_ condition: () async -> Bool) async {
        for _ in 0..<4_000 {
            if await condition() { return }
            try? await Task.sleep(for: .milliseconds(5))
        }
    }
}
