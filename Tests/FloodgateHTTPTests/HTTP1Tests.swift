// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import NIOCore
import Synchronization
import Testing

@Suite("HTTP/1") struct HTTP1Tests {
    /// Sends `request` and reads until the server closes.
    private func answer(_ request: String, _ limits: HTTPLimits = HTTPLimits()) async throws -> String {
        let result = Captured()
        try await withDoor(limits) { port, _ in
            let connection = try await RawConnection.open(port)
            try await connection.send(request)
            result.text = await connection.textToTheEnd()
        }
        return result.text
    }

    private final class Captured: @unchecked Sendable { var text = "" }

    @Test func `answers what is ready, and closes when asked to`() async throws {
        let text = try await answer("GET /fast HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(text.contains("content-length: 5\r\n"))
        #expect(text.contains("connection: close\r\n"))
        #expect(text.contains("\r\ndate: "))
        #expect(text.hasSuffix("\r\n\r\nfast\n"))
    }

    @Test func `sends no body to HEAD, but its length`() async throws {
        let text = try await answer("HEAD /fast HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(text.contains("content-length: 5\r\n"))
        #expect(text.hasSuffix("\r\n\r\n"))
    }

    @Test func `hands bodies over whole, whether their length is announced or not`() async throws {
        let text = try await answer(
            "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
                + "POST /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n4\r\ndefg\r\n0\r\nT: 1\r\n\r\n"
                + "GET /fast HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        )
        #expect(text.contains("POST /a 5 "))
        #expect(text.contains("POST /b 7 "))
        #expect(text.hasSuffix("fast\n"))
    }

    @Test func `answers pipelined requests in their order`() async throws {
        let requests = (0..<50).map { $0 % 3 == 0 ? "GET /fast" : "GET /\($0)" }
            .map { "\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined()
        let text = try await answer(requests + "GET /last HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        let answered = text.split { $0 == "\n" || $0 == "\r\n" }.filter { $0 == "fast" || $0.hasPrefix("GET /") }
        #expect(answered.count == 51, "\(text.prefix(2_000))")
        let names = answered.map { $0.split(separator: " ").dropFirst().first.map(String.init) ?? "fast" }
        #expect(names == (0..<50).map { $0 % 3 == 0 ? "fast" : "/\($0)" } + ["/last"])
    }

    @Test func `writes the answer to a request that was begun with when it comes, behind those before it`() async throws
    {
        let text = try await answer(
            "GET /fast HTTP/1.1\r\nHost: a\r\n\r\n"
                + "POST /begun HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
        )
        #expect(text.hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(text.contains("\r\n\r\nfast\nHTTP/1.1 202 Accepted\r\n"))
        #expect(text.contains("content-length: 6\r\n"))
        #expect(text.hasSuffix("\r\n\r\nbegun\n"))
    }

    @Test func `goes on behind a request that was begun with`() async throws {
        try await withDoor { port, service in
            let connection = try await RawConnection.open(port)
            for number in 1...3 {
                try await connection.send("POST /begun HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi")
                let text = await connection.text {
                    $0.split(separator: "begun\n", omittingEmptySubsequences: false).count > number
                }
                #expect(text.split(separator: " 202 ").count == number + 1)
            }
            try await connection.send("GET /fast HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            #expect(await connection.textToTheEnd().hasSuffix("fast\n"))
            #expect(service.begun.load(ordering: .relaxed) == 3)
            #expect(service.served.load(ordering: .relaxed) == 0)
        }
    }

    @Test func `answers once what was begun with and takes too long`() async throws {
        let text = try await answer("GET /begun/late HTTP/1.1\r\nHost: a\r\n\r\n")
        #expect(text.hasPrefix("HTTP/1.1 503 "))
        #expect(!text.contains("begun"))
    }

    @Test func `sends parts as they come, chunked to HTTP/1.1 and to the end to HTTP/1.0`() async throws {
        let chunked = try await answer("GET /parts HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(chunked.contains("transfer-encoding: chunked\r\n"))
        #expect(chunked.hasSuffix("4\r\none \r\n4\r\ntwo \r\n5\r\nthree\r\n0\r\n\r\n"))
        let plain = try await answer("GET /parts HTTP/1.0\r\n\r\n")
        #expect(!plain.contains("transfer-encoding"))
        #expect(plain.hasSuffix("one two three"))
    }

    @Test func `keeps HTTP/1.0 connections only for clients that ask for it`() async throws {
        let text = try await answer(
            "GET /fast HTTP/1.0\r\nConnection: keep-alive\r\n\r\nGET /fast HTTP/1.0\r\n\r\n"
        )
        #expect(text.components(of: "HTTP/1.1 200 OK") == 2)
        #expect(text.contains("connection: keep-alive\r\n"))
    }

    @Test func `waits for the word before it is sent a body that waits for one`() async throws {
        try await withDoor { port, _ in
            let connection = try await RawConnection.open(port)
            try await connection.send(
                "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
            )
            let text = await connection.text { $0.contains("100 Continue\r\n\r\n") }
            #expect(text == "HTTP/1.1 100 Continue\r\n\r\n")
            try await connection.send("abc")
            #expect(await connection.text { $0.contains("POST /a 3") }.contains("200 OK"))
        }
    }

    @Test func `lets no answer begin another field`() async throws {
        let text = try await answer("GET /injected HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        #expect(text.contains("x-note: a"))
        #expect(!text.contains("\nset-cookie"))
    }

    @Test(arguments: [
        "GET /fast HTTP/1.1\r\n\r\n", "GET /fast HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /fast HTTP/1.1\r\nHost : a\r\n\r\n", "GET /fast HTTP/1.1\r\nHost: a\r\n b\r\n\r\n",
        "GET /fast HTTP/1.1\nHost: a\n\n", "GET /fast HTTP/1.1\r\nHost: a\r\nX: a\u{0}b\r\n\r\n",
        "GET /fast HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", "GET  /fast HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /fast HTTP/2.0\r\nHost: a\r\n\r\n", "GET /fast\r\n\r\n", "GET fast HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /fa st HTTP/1.1\r\nHost: a\r\n\r\n", "GET /../fast HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /%2e%2E/fast HTTP/1.1\r\nHost: a\r\n\r\n", "GET /fast%00 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /fast%zz HTTP/1.1\r\nHost: a\r\n\r\n", "GET /fast#x HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a\\b HTTP/1.1\r\nHost: a\r\n\r\n", "G(T /fast HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /fast HTTP/1.1\r\nHost: a b\r\n\r\n", "GET /fast HTTP/1.1\r\nHost: \r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 3\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: -3\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
        "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n ffffffffffffffff1\r\n",
        "\u{16}\u{3}\u{1}\u{0}\u{5}hello\r\n\r\n", "SSH-2.0-OpenSSH\r\n\r\n",
    ])
    func `refuses what two readers could understand in two ways`(request: String) async throws {
        let text = try await answer(request)
        #expect(text.hasPrefix("HTTP/1.1 400 Bad Request\r\n"), "\(request.debugDescription): \(text)")
        #expect(text.contains("connection: close\r\n"))
        #expect(text.components(of: "HTTP/1.1 ") == 1)
    }

    @Test func `tells what is too long apart`() async throws {
        let long = String(repeating: "a", count: 9_000)
        #expect(try await answer("GET /\(long) HTTP/1.1\r\nHost: a\r\n\r\n").hasPrefix("HTTP/1.1 414 "))
        #expect(try await answer("GET /" + long + long).hasPrefix("HTTP/1.1 414 "))
        let field = "X: \(long)\(long)\r\n"
        #expect(try await answer("GET / HTTP/1.1\r\nHost: a\r\n\(field)\r\n").hasPrefix("HTTP/1.1 431 "))
        let fields = (0..<101).map { "X\($0): a\r\n" }.joined()
        #expect(try await answer("GET / HTTP/1.1\r\n\(fields)\r\n").hasPrefix("HTTP/1.1 431 "))
        let many = (0..<12).map { "X\($0): \(String(repeating: "b", count: 6_000))\r\n" }.joined()
        #expect(try await answer("GET / HTTP/1.1\r\nHost: a\r\n\(many)").hasPrefix("HTTP/1.1 431 "))
        let announced = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1099511627776\r\n\r\n"
        #expect(try await answer(announced).hasPrefix("HTTP/1.1 413 "))
        let digits = "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: \(String(repeating: "9", count: 40))\r\n\r\n"
        #expect(try await answer(digits).hasPrefix("HTTP/1.1 413 "))
        let chunk = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n"
        #expect(try await answer(chunk).hasPrefix("HTTP/1.1 413 "))
        let extensions = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1;\(long)"
        #expect(try await answer(extensions).hasPrefix("HTTP/1.1 400 "))
        let trailers = "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nA: \(long)"
        #expect(try await answer(trailers).hasPrefix("HTTP/1.1 400 "))
        #expect(
            try await answer("GET / HTTP/1.1\r\nHost: a\r\nExpect: the unexpected\r\n\r\n").hasPrefix("HTTP/1.1 417 ")
        )
    }

    @Test func `goes on behind a refusal that leaves the framing whole`() async throws {
        let text = try await answer(
            "GET /refused HTTP/1.1\r\nHost: a\r\n\r\n"
                + "POST /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello"
                + "GET /fast HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"
        )
        #expect(text.components(of: "HTTP/1.1 503 ") == 2)
        #expect(text.hasSuffix("fast\n"))
    }

    @Test func `answers each request once, however much is still unsent when the last one comes`() async throws {
        let flood = String(repeating: "GET /fast HTTP/1.1\r\nHost: a\r\n\r\n", count: 900)
        for last in ["GET /fast HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", "GET /fast HTTP/1.0\r\n\r\n"] {
            #expect(try await answer(flood + last).components(of: "HTTP/1.1 200 OK") == 901)
        }
        let large = try await answer("GET /large HTTP/1.0\r\n\r\n")
        #expect(large.components(of: "HTTP/1.1 200 OK") == 1)
        #expect(large.hasSuffix(String(repeating: "a", count: 100_000)))
    }

    @Test func `answers what was asked before the client said that it has no more to ask`() async throws {
        try await withDoor { port, _ in
            let connection = try await RawConnection.open(port)
            try await connection.send((0..<5).map { "GET /\($0) HTTP/1.1\r\nHost: a\r\n\r\n" }.joined())
            try await connection.closeOutput()
            #expect(await connection.textToTheEnd().components(of: "HTTP/1.1 200 OK") == 5)
        }
    }

    @Test func `ends connections on which nothing, or only part of a header, comes`() async throws {
        var limits = HTTPLimits()
        limits.headerTimeout = .milliseconds(300)
        limits.lingerTimeout = .milliseconds(300)
        try await withDoor(limits) { port, _ in
            let silent = try await RawConnection.open(port)
            #expect(await silent.textToTheEnd() == "")
            var text = ""
            // On a busy machine the time may be over before anything is sent.
            for _ in 0..<10 where text.isEmpty {
                let dripping = try await RawConnection.open(port)
                try? await dripping.send("GET /fast HTTP/1.1\r\nHos")
                text = await dripping.textToTheEnd()
            }
            #expect(text.hasPrefix("HTTP/1.1 408 "))
        }
    }

    @Test func `ends bodies that are too slow`() async throws {
        var limits = HTTPLimits()
        limits.bodyGrace = .milliseconds(300)
        limits.lingerTimeout = .milliseconds(300)
        try await withDoor(limits) { port, _ in
            let connection = try await RawConnection.open(port)
            try await connection.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc")
            #expect(await connection.textToTheEnd().hasPrefix("HTTP/1.1 408 "))
        }
    }

    @Test func `ends connections that are idle, and answers that take too long`() async throws {
        var limits = HTTPLimits()
        limits.idleTimeout = .seconds(1)
        limits.lingerTimeout = .milliseconds(300)
        try await withDoor(limits) { port, service in
            let idle = try await RawConnection.open(port)
            try await idle.send("GET /fast HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(await idle.textToTheEnd().hasSuffix("fast\n"))
            let slow = try await RawConnection.open(port)
            try await slow.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
            #expect(await slow.textToTheEnd().hasPrefix("HTTP/1.1 503 "))
            for _ in 0..<400 where service.cancellations.load(ordering: .relaxed) == 0 {
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(service.cancellations.load(ordering: .relaxed) == 1)
        }
    }

    @Test func `ends answers that nobody reads, and stops making them`() async throws {
        var limits = HTTPLimits()
        limits.writeTimeout = .milliseconds(500)
        try await withDoor(limits) { port, service in
            let connection = try await RawConnection.open(port)
            try await connection.send("GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
            await connection.text { $0.count > 5_000 }
            try await connection.close()
            for _ in 0..<2_000 where service.cancellations.load(ordering: .relaxed) == 0 {
                try await Task.sleep(for: .milliseconds(5))
            }
            #expect(service.cancellations.load(ordering: .relaxed) == 1)
        }
    }

    @Test func `finishes what it has begun when it stops, and takes nothing new`() async throws {
        let text = Captured()
        let late = Captured()
        try await withDoor { port, _ in
            let idle = try await RawConnection.open(port)
            try await idle.send("GET /fast HTTP/1.1\r\nHost: a\r\n\r\n")
            await idle.text { $0.hasSuffix("fast\n") }
            let connection = try await RawConnection.open(port)
            try await connection.send("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe")
            try await Task.sleep(for: .milliseconds(50))
            Task {
                try? await Task.sleep(for: .milliseconds(100))
                try? await connection.send("llo")
                text.text = await connection.textToTheEnd()
                late.text = "\(idle.isClosed)"
            }
        }
        for _ in 0..<2_000 where late.text.isEmpty { try await Task.sleep(for: .milliseconds(5)) }
        #expect(text.text.contains("POST /a 5 "))
        #expect(late.text == "true")
    }
}

extension String {
    /// How often `part` stands in the text.
    func components(of part: String) -> Int {
        var count = 0
        var rest = self[...]
        while let range = rest.firstRange(of: part) {
            count += 1
            rest = rest[range.upperBound...]
        }
        return count
    }
}
