// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import NIOCore
import Testing

@Suite("The entrance") struct EntranceTests {
    @Test(arguments: [
        ("PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n", "192.0.2.7"),
        ("PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n", "2001:db8::7"),
        ("PROXY UNKNOWN\r\n", "127.0.0.1"),
    ])
    func `takes the address from a PROXY header of version 1`(header: String, address: String) async throws {
        try await withDoor(HTTPLimits(), { $0.requiresProxyHeader = true }) { port, _ in
            let connection = try await RawConnection.open(port)
            try await connection.send(header + "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(await connection.textToTheEnd().contains("GET /a 0 \(address) "))
        }
    }

    @Test func `takes the address from a PROXY header of version 2, byte by byte`() async throws {
        // However slow the machine is just now.
        var limits = HTTPLimits()
        limits.handshakeTimeout = .seconds(600)
        try await withDoor(limits, { $0.requiresProxyHeader = true }) { port, _ in
            let connection = try await RawConnection.open(port)
            var header: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]
            header += [0x21, 0x11, 0, 15, 192, 0, 2, 9, 198, 51, 100, 1, 0xDC, 4, 1, 0xBB, 0x04, 0, 0]
            for byte in header { try await connection.send([byte]) }
            try await connection.send("GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(await connection.textToTheEnd().contains("GET /a 0 192.0.2.9 "))
        }
    }

    @Test(arguments: [
        "GET /fast HTTP/1.1\r\nHost: a\r\n\r\n", "PROXY TCP4 192.0.2.7 198.51.100.1 56324\r\n",
        "PROXY TCP4 2001:db8::7 2001:db8::1 1 2\r\n", "PROXY TCP4 300.0.2.7 198.51.100.1 1 2\r\n",
        "\r\n\r\n\0\r\nQUIT\n\u{31}\u{11}\u{0}\u{0}", "PROXY TCP4 192.0.2.7\0 198.51.100.1 1 2\r\n",
    ])
    func `closes on whoever does not say who it speaks for`(text: String) async throws {
        try await withDoor(HTTPLimits(), { $0.requiresProxyHeader = true }) { port, _ in
            let connection = try await RawConnection.open(port)
            try await connection.send(text)
            #expect(await connection.textToTheEnd() == "")
        }
    }

    @Test func `lets only so many connections in that have not shown what they want`() async throws {
        var limits = HTTPLimits()
        limits.strangersPerAddress = 3
        try await withDoor(limits) { port, _ in
            var strangers: [RawConnection] = []
            for _ in 0..<3 {
                let stranger = try await RawConnection.open(port)
                // Served without a key it stays one; and it is in before the next comes.
                try await stranger.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n")
                await stranger.text { $0.hasSuffix("\n") && $0.contains("GET /a") }
                strangers.append(stranger)
            }
            #expect(await (try RawConnection.open(port)).textToTheEnd() == "")
            // One that is served is no stranger any more.
            try await strangers[0].send("GET /fast HTTP/1.1\r\nHost: a\r\n\r\n")
            await strangers[0].text { $0.hasSuffix("fast\n") }
            let next = try await RawConnection.open(port)
            try await next.send("GET /fast HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(await next.textToTheEnd().hasSuffix("fast\n"))
        }
    }
    /// Loops that listen for themselves share the port, and must not share it with a second server.
    @Test func `refuses a port that another door listens at`() async throws {
        try await withDoor { port, _ in
            await #expect(throws: IOError.self) {
                try await withDoor(HTTPLimits(), { $0.port = port }) { _, _ in }
            }
            for _ in 0..<32 {
                let connection = try await RawConnection.open(port)
                try await connection.send("GET /fast HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                #expect(await connection.textToTheEnd().hasSuffix("fast\n"))
            }
        }
    }

    @Test func `lets only so many connections of one address wait for their PROXY header`() async throws {
        var limits = HTTPLimits()
        limits.strangersPerAddress = 2
        try await withDoor(limits, { $0.requiresProxyHeader = true }) { port, service in
            var silent: [RawConnection] = []
            for _ in 0..<5 { silent.append(try await RawConnection.open(port)) }
            for _ in 0..<4_000 where await service.closes("too_many") < 3 {
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(await service.closes("too_many") == 3)
            // Who says whom it speaks for makes room for the next.
            for connection in silent where !connection.isClosed {
                try? await connection.send(
                    "PROXY TCP4 192.0.2.7 198.51.100.1 1 2\r\nGET /a HTTP/1.1\r\nHost: a\r\n\r\n"
                )
                await connection.text { $0.contains("GET /a") }
            }
            let next = try await RawConnection.open(port)
            try await next.send("PROXY UNKNOWN\r\nGET /fast HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(await next.textToTheEnd().hasSuffix("fast\n"))
        }
    }
}
