// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// An HTTP/2 frame as bytes, whether it makes sense or not.
struct RawFrame: Equatable, Sendable {
    var kind: UInt8
    var flags: UInt8 = 0
    var stream = 0
    var content: [UInt8] = []

    static let endStream: UInt8 = 1
    static let ack: UInt8 = 1
    static let endHeaders: UInt8 = 4

    var bytes: [UInt8] {
        [UInt8(content.count >> 16 & 255), UInt8(content.count >> 8 & 255), UInt8(content.count & 255), kind, flags]
            + Self.number(stream) + content
    }

    static func number(_ value: Int) -> [UInt8] { (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * $0)) } }

    /// What a client begins with: the preface, and settings.
    static func opening(_ settings: [(UInt8, Int)] = []) -> [RawFrame] {
        [RawFrame(kind: 4, content: settings.flatMap { [0, $0.0] + number($0.1) })]
    }

    /// A request in one frame; its fields are literals, so that no table is needed.
    static func request(
        _ stream: Int,
        _ path: String,
        method: String = "GET",
        flags: UInt8 = endStream | endHeaders
    ) -> RawFrame {
        RawFrame(kind: 1, flags: flags, stream: stream, content: fields(path, method: method))
    }

    /// Method, scheme, path and authority (RFC 7541 §6.2.2, names by their number in the static table).
    static func fields(_ path: String, method: String = "GET") -> [UInt8] {
        literal(2, method) + literal(6, "http") + literal(4, path) + literal(1, "a")
    }

    private static func literal(_ name: UInt8, _ value: String) -> [UInt8] {
        [name, UInt8(value.utf8.count)] + Array(value.utf8)
    }

    static func data(_ stream: Int, _ count: Int, flags: UInt8 = 0) -> RawFrame {
        RawFrame(kind: 0, flags: flags, stream: stream, content: Array(repeating: 0x61, count: count))
    }

    static func windowUpdate(_ stream: Int, _ count: Int) -> RawFrame {
        RawFrame(kind: 8, stream: stream, content: number(count))
    }

    static func reset(_ stream: Int, _ code: Int = 8) -> RawFrame {
        RawFrame(kind: 3, stream: stream, content: number(code))
    }
}

/// What to look for in what a server sent.
enum RawFrameMark {
    /// The last frame of an answer.
    case end(of: Int)
    /// A reset of a stream, with its code.
    case reset(Int, Int)
    /// The end of the connection, with its code.
    case goAway(Int)
}

extension [RawFrame] {
    /// The frames that are complete in `bytes`.
    init(_ bytes: [UInt8]) {
        self = []
        var rest = bytes[...]
        while rest.count >= 9 {
            let head = rest.prefix(9).map { Int($0) }
            let length = head[0] << 16 | head[1] << 8 | head[2]
            guard rest.count >= 9 + length else { return }
            let stream = head[5] << 24 | head[6] << 16 | head[7] << 8 | head[8]
            let content = [UInt8](rest.dropFirst(9).prefix(length))
            append(RawFrame(kind: UInt8(head[3]), flags: UInt8(head[4]), stream: stream, content: content))
            rest = rest.dropFirst(9 + length)
        }
    }

    func contains(_ mark: RawFrameMark) -> Bool {
        contains { frame in
            switch mark {
            case .end(let stream): frame.stream == stream && frame.kind <= 1 && frame.flags & RawFrame.endStream != 0
            case .reset(let stream, let code): frame == .reset(stream, code)
            case .goAway(let code): frame.kind == 7 && frame.content.dropFirst(4).elementsEqual(RawFrame.number(code))
            }
        }
    }

    func bytes(of stream: Int) -> Int {
        reduce(0) { $0 + ($1.kind == 0 && $1.stream == stream ? $1.content.count : 0) }
    }

    /// Bytes that the client was told it may send on `stream` beyond those that it may at first.
    func windowGiven(to stream: Int) -> Int {
        filter { $0.kind == 8 && $0.stream == stream }
            .reduce(0) { $0 + $1.content.reduce(0) { $0 << 8 | Int($1) } }
    }

    func body(of stream: Int) -> String {
        String(decoding: filter { $0.kind == 0 && $0.stream == stream }.flatMap(\.content), as: UTF8.self)
    }
}

extension RawConnection {
    /// What every HTTP/2 connection begins with.
    private static let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

    /// Connects and says that it speaks HTTP/2, with `settings`.
    static func openHTTP2(_ port: Int, _ settings: [(UInt8, Int)] = []) async throws -> RawConnection {
        let connection = try await open(port)
        try await connection.send(RawFrame.opening(settings))
        return connection
    }

    /// Sends `frames` at once, with the preface before the first ones.
    func send(_ frames: [RawFrame]) async throws {
        let preface = isOpened.exchange(true, ordering: .relaxed) ? [] : Array(Self.preface.utf8)
        try await send(preface + frames.flatMap(\.bytes))
    }

    /// Frames that came in, once `condition` holds of them, the server has closed, or 20 s are over.
    @discardableResult
    func frames(until condition: ([RawFrame]) -> Bool = { _ in false }) async -> [RawFrame] {
        for _ in 0..<4_000 {
            let isClosed = isClosed
            let frames = [RawFrame](bytes)
            if isClosed || condition(frames) { return frames }
            try? await Task.sleep(for: .milliseconds(5))
        }
        return [RawFrame](bytes)
    }
}
