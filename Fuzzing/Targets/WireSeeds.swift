// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP

/// What clients of the front door send, the good ones and the others.
enum WireSeeds {
    /// Small enough for inputs to reach them.
    static let limits: HTTPLimits = {
        var limits = HTTPLimits()
        limits.requestLine = 256
        limits.headerSection = 1_024
        limits.headerFields = 12
        limits.headerField = 384
        limits.chunkExtension = 16
        limits.trailers = 64
        limits.pipelined = 512
        limits.lingering = 512
        limits.streams = 8
        limits.streamResets = 8
        limits.controlFrames = 16
        return limits
    }()

    static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    static let requests: [[UInt8]] = [
        "GET /fast HTTP/1.1\r\nHost: a\r\n\r\n",
        "HEAD /large?a=1&b=%20 HTTP/1.1\r\nHost: a.example:8080\r\nAccept-Encoding: gzip\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET http://b:80/fast HTTP/1.1\r\nHost: b:80\r\nConnection: keep-alive, close\r\n\r\n",
        "OPTIONS * HTTP/1.0\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n",
        "GET /a/../b%2e%2F HTTP/1.1\r\nHost: a\r\nX : b\r\n c\r\n\r\n", "\r\nGET /\n\n",
    ].map { Array($0.utf8) }

    static let connections: [[UInt8]] =
        [
            (0..<20).map { "GET /\($0 % 2 == 0 ? "fast" : "echo/\($0)") HTTP/1.1\r\nHost: a\r\n\r\n" }.joined(),
            "GET /parts HTTP/1.1\r\nHost: a\r\n\r\nGET /parts HTTP/1.0\r\n\r\n",
            "GET /never HTTP/1.1\r\nHost: a\r\n\r\nGET /fast HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST /refused HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nGET /fastGET /fast HTTP/1.1\r\nHost: a\r\n\r\n",
            "POST /unchanged HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
        ].map { Array($0.utf8) } + [preface + (frames.first ?? [])]

    static let proxyHeaders: [[UInt8]] =
        [
            "PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\nGET ", "PROXY TCP6 2001:db8::7 ::1 56324 443\r\n",
            "PROXY UNKNOWN ffff::1 ::1 65535 65535\r\n", "PROXY UNKNOWN\r\n",
        ].map { Array($0.utf8) } + [
            signature + [0x21, 0x11, 0, 12, 192, 0, 2, 9, 198, 51, 100, 1, 0xDC, 4, 1, 0xBB],
            signature + [0x21, 0x21, 0, 39] + Array(repeating: 1, count: 36) + [4, 0, 0], signature + [0x20, 0, 0, 0],
            signature + [0x21, 0x31, 0, 216] + Array(repeating: 65, count: 216),
        ]

    private static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]

    static let frames: [[UInt8]] = [
        frame(4) + request(1, "/fast") + request(3, "/echo") + frame(8, [0, 0, 1, 0]),
        frame(4, [0, 4, 0, 0, 0, 0]) + request(1, "/large") + frame(8, [0, 0, 64, 0], stream: 1) + request(3, "/parts"),
        frame(4) + request(1, "/echo", flags: 4) + frame(0, Array(repeating: 97, count: 20), stream: 1)
            + frame(0, [98], flags: 1, stream: 1),
        frame(4) + request(1, "/refused", flags: 4) + frame(0, [2, 97, 0, 0], flags: 9, stream: 1),
        frame(4) + request(1, "/never") + frame(3, [0, 0, 0, 8], stream: 1) + frame(6, Array(repeating: 1, count: 8)),
        frame(4) + frame(1, [0x82, 0x86], flags: 1, stream: 1)
            + frame(9, [0x84, 0x41, 1, 0x61], flags: 4, stream: 1) + request(3, "/fast"),
        frame(4)
            + frame(
                1,
                [0, 0, 0, 0, 9, 0x82, 0x86, 0x84, 0x41, 1, 0x61, 0x58, 0x82, 0xFF, 0xFF],
                flags: 0x25,
                stream: 1
            ) + frame(2, [0, 0, 0, 1, 3], stream: 3) + frame(0xB7, [1, 2, 3], flags: 0xFF, stream: 7),
        frame(4, flags: 1) + frame(7, [0, 0, 0, 0, 0, 0, 0, 0, 104, 105]) + request(1, "/fast"),
    ]

    private static func frame(
        _ kind: UInt8,
        _ content: [UInt8] = [],
        flags: UInt8 = 0,
        stream: UInt8 = 0
    ) -> [UInt8] {
        [0, UInt8(content.count >> 8), UInt8(content.count & 255), kind, flags, 0, 0, 0, stream] + content
    }

    private static func request(_ stream: UInt8, _ path: String, flags: UInt8 = 5) -> [UInt8] {
        let method: UInt8 = flags == 5 ? 0x82 : 0x83
        let fields = [method, 0x86, 0x41, 1, 0x61, 4, UInt8(path.utf8.count)] + path.utf8
        return frame(1, fields, flags: flags, stream: stream)
    }

    static let pieces = [
        "GET ", "HEAD ", "POST ", " HTTP/1.1\r\n", " HTTP/1.0\r\n", "\r\n", "\r\n\r\n", "\n", "\r", "\u{0}", "\t",
        "Host: a\r\n", "Content-Length: 5\r\n", "Content-Length: +5\r\n", "content-length:0, 0\r\n",
        "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip, chunked\r\n", "Transfer-Encoding : chunked\r\n",
        "Connection: close\r\n", "Connection: keep-alive\r\n", "Expect: 100-continue\r\n", "Upgrade: h2c\r\n",
        "0\r\n\r\n", "5;a=b\r\nhello\r\n", "FFFFFFFFFFFFFFFF\r\n", "0x5\r\n", "/fast", "/large", "/refused", "/parts",
        "/never", "/unchanged", "/../", "%2e%2e", "%00", "%zz", "?a=b", "#", "*", "http://a/", "PRI * HTTP/2.0",
        "PROXY TCP4 ", "PROXY TCP6 ", "UNKNOWN", "192.0.2.1 ", "2001:db8::1 ", " 65535", " 65536",
        "\u{0}\u{0}\u{4}\u{8}\u{0}\u{0}\u{0}\u{0}\u{1}\u{0}\u{0}\u{1}\u{0}",
        "\u{0}\u{0}\u{0}\u{4}\u{0}\u{0}\u{0}\u{0}\u{0}",
        "\u{0}\u{0}\u{4}\u{3}\u{0}\u{0}\u{0}\u{0}\u{1}\u{0}\u{0}\u{0}\u{8}",
        "\u{0}\u{0}\u{0}\u{1}\u{5}\u{0}\u{0}\u{0}\u{3}",
        "\u{0}\u{0}\u{0}\u{9}\u{4}\u{0}\u{0}\u{0}\u{1}", "\u{0}\u{0}\u{1}\u{0}\u{1}\u{0}\u{0}\u{0}\u{1}a",
        "\u{0}\u{0}\u{6}\u{4}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{4}\u{0}\u{0}\u{0}\u{0}",
    ]
}
