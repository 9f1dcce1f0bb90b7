// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import NIOCore
import NIOSSL
import Testing

@Suite("TLS") struct TLSTests {
    private static let lastRequest = "GET /fast HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"

    @Test(arguments: [(["http/1.1"], "http/1.1"), (["h2", "http/1.1"], "h2"), (["http/1.1", "h2"], "h2"), ([], "")])
    func `agrees on the protocol`(offered: [String], agreed: String) async throws {
        try await withTLSDoor { port, _, _, _ in
            let connection = try await RawConnection.open(port, tls: .client(offering: offered))
            #expect(await connection.agreedProtocol() == agreed)
            if agreed == "h2" {
                try await connection.send(RawFrame.opening() + [.request(1, "/fast"), .request(3, "/a")])
                let frames = await connection.frames { $0.contains(.end(of: 1)) && $0.contains(.end(of: 3)) }
                #expect(frames.body(of: 1) == "fast\n")
                #expect(frames.body(of: 3).hasPrefix("GET /a 0 127.0.0.1 "))
            } else {
                try await connection.send(Self.lastRequest)
                let text = await connection.textToTheEnd()
                #expect(text.hasSuffix("fast\n"))
                #expect(text.contains("strict-transport-security: max-age="))
            }
        }
    }

    @Test(arguments: [TLSVersion.tlsv12, .tlsv13])
    func `speaks the versions that are safe`(version: TLSVersion) async throws {
        try await withTLSDoor { port, _, _, _ in
            let connection = try await RawConnection.open(port, tls: .client(upTo: version))
            try await connection.send(Self.lastRequest)
            #expect(await connection.textToTheEnd().hasSuffix("fast\n"))
        }
    }

    @Test(arguments: [TLSVersion.tlsv1, .tlsv11])
    func `refuses those that are not`(version: TLSVersion) async throws {
        try await withTLSDoor { port, service, _, _ in
            let connection = try await RawConnection.open(port, tls: .client(upTo: version))
            #expect(await connection.agreedProtocol() == nil)
            #expect(await connection.textToTheEnd() == "")
            #expect(await service.closes("tls") == 1)
        }
    }

    @Test func `closes on whoever speaks in clear text, and on others at their deadline`() async throws {
        var limits = HTTPLimits()
        limits.handshakeTimeout = .milliseconds(300)
        try await withTLSDoor(limits) { port, service, _, _ in
            let clear = try await RawConnection.open(port)
            // What cannot be sent any more was too late already.
            try? await clear.send("GET /fast HTTP/1.1\r\nHost: a\r\n\r\n")
            let silent = try await RawConnection.open(port)
            let slow = try await RawConnection.open(port)
            // A ClientHello that announces 512 bytes and brings a few.
            try? await slow.send([0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3])
            for connection in [clear, silent, slow] {
                #expect(!(await connection.textToTheEnd()).contains("fast"))
                #expect(connection.isClosed)
            }
            #expect(await service.closes("handshake_timeout") == 2)
        }
    }

    @Test(arguments: ["http/1.1", "h2"])
    func `ends connections that are silent behind the handshake`(name: String) async throws {
        var limits = HTTPLimits()
        limits.headerTimeout = .seconds(2)
        try await withTLSDoor(limits) { port, _, _, _ in
            let connection = try await RawConnection.open(port, tls: .client(offering: [name]))
            #expect(await connection.agreedProtocol() == name)
            _ = await connection.textToTheEnd()
            #expect(connection.isClosed)
        }
    }

    @Test func `makes only so many handshakes with one address that shows no good key`() async throws {
        var limits = HTTPLimits()
        limits.handshakes = TokenBuckets.Rate(perSecond: 0.001, burst: 3)
        try await withTLSDoor(limits) { port, service, _, _ in
            let tls = try NIOSSLContext.client(offering: ["http/1.1"])
            // Those that show one are given back: thousands of good clients may share an address.
            for isGood in [true, true, true, true, true, false, false, false] {
                let connection = try await RawConnection.open(port, tls: tls)
                let request = "GET /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
                try await connection.send(isGood ? Self.lastRequest : request)
                #expect(await connection.textToTheEnd().hasPrefix("HTTP/1.1 200 "))
            }
            for _ in 0..<2 {
                let connection = try await RawConnection.open(port, tls: tls)
                #expect(await connection.agreedProtocol() == nil)
            }
            #expect(await service.closes("handshake_rate") == 2)
        }
    }

    @Test func `makes as many handshakes as a proxy wants`() async throws {
        var limits = HTTPLimits()
        limits.handshakes = TokenBuckets.Rate(perSecond: 0.001, burst: 1)
        try await TestCertificate.withFiles { files in
            let identity = try TLSIdentity(files)
            let change: @Sendable (inout FrontDoor.Listener) -> Void = { listener in
                listener.tls = identity
                listener.isProxy = { $0.ipAddress == "127.0.0.1" }
            }
            try await withDoor(limits, change) { port, service in
                for _ in 0..<3 {
                    let connection = try await RawConnection.open(port, tls: .client())
                    try await connection.send(Self.lastRequest)
                    #expect(await connection.textToTheEnd().hasSuffix("fast\n"))
                }
                #expect(await service.closes("handshake_rate") == 0)
            }
        }
    }

    @Test func `shows a new certificate to new connections and keeps the old ones`() async throws {
        // The old connection waits for all that follows.
        var limits = HTTPLimits()
        limits.headerTimeout = .seconds(300)
        limits.idleTimeout = .seconds(300)
        try await withTLSDoor(limits) { port, _, identity, files in
            let tls = try NIOSSLContext.client()
            let old = try await RawConnection.open(port, tls: tls)
            let first = try await old.certificate()
            #expect(
                first == (try NIOSSLCertificate(bytes: Array(TestCertificate.first.certificate.utf8), format: .pem))
            )

            // A key that is not the certificate's, and a file that is none: what was there stays.
            let mixed = TestCertificate(certificate: TestCertificate.second.certificate, key: TestCertificate.first.key)
            try mixed.write(to: files)
            #expect(throws: (any Error).self) { try identity.reload(at: 0) }
            try TestCertificate(certificate: "no certificate", key: "no key").write(to: files)
            #expect(throws: (any Error).self) { try identity.reload(at: 0) }
            #expect(try await RawConnection.open(port, tls: tls).certificate() == first)

            try TestCertificate.second.write(to: files)
            #expect(throws: ExpiredCertificate.self) { try identity.reload(at: identity.expiry) }
            #expect(try await RawConnection.open(port, tls: tls).certificate() == first)
            try identity.reload(at: identity.expiry - 86_400)
            let new = try await RawConnection.open(port, tls: tls)
            let second = try NIOSSLCertificate(bytes: Array(TestCertificate.second.certificate.utf8), format: .pem)
            #expect(try await new.certificate() == second)
            for connection in [old, new] {
                try await connection.send(Self.lastRequest)
                #expect(await connection.textToTheEnd().hasSuffix("fast\n"))
            }
        }
    }
}
