// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Looks at the HTTP/2 frames that go out: whether clients let the answers out that are written for them, and whether
/// NIO's frame handler has given the connection up.
struct SendWatch {
    /// Bytes that make headway; a client that lets out fewer in all the time that it has is not reading.
    private static let headway = 1 << 10

    /// Bytes that are written and wait to be let out.
    private struct Wait {
        var left = 0
        /// The last headway, or when the wait began.
        var since: UInt64
        var moved = 0

        mutating func didMove(_ count: Int, at now: UInt64) {
            left -= count
            moved += count
            guard moved >= SendWatch.headway else { return }
            moved = 0
            since = now
        }
    }

    private let timeout: UInt64
    private var walker = FrameWalker()
    private var streams: [Int: Wait] = [:]
    /// All streams together.
    private var connection = Wait(since: 0)
    /// Whether the frame handler said GOAWAY because of an error, which it does after those of the connection and not
    /// after those of one stream; the errors themselves do not tell.
    private(set) var hasGivenUp = false

    init(_ limits: HTTPLimits) { timeout = limits.writeTimeout.nanoseconds }

    /// Whether all that was written is sent.
    var isDone: Bool { streams.isEmpty }

    /// Whether some of what was written for `stream` is not sent.
    func isWaiting(_ stream: Int) -> Bool { streams[stream] != nil }

    /// Takes note that `count` bytes are written for `stream`.
    mutating func expect(_ count: Int, on stream: Int, at now: UInt64) {
        if streams.isEmpty { connection = Wait(since: now) }
        streams[stream, default: Wait(since: now)].left += count
    }

    /// Takes note that `stream` is over.
    mutating func forget(_ stream: Int) { streams[stream] = nil }

    /// Takes note that the answers wait for one another and not for the client to open their windows.
    mutating func excuse(at now: UInt64) { for stream in streams.keys { streams[stream]?.since = now } }

    /// Takes note of what goes out.
    /// - Returns: Bytes of answers that went out.
    mutating func sent(_ bytes: UnsafeRawBufferPointer, at now: UInt64) -> Int {
        var position = 0
        var count = 0
        while let head = walker.next(in: bytes, at: &position) {
            switch head.kind {
            case FrameHead.Kind.data:
                count += head.length
                didSend(head, now)
            case FrameHead.Kind.goAway: hasGivenUp = hasGivenUp || Self.isError(bytes[position...])
            default: break
            }
        }
        return count
    }

    private mutating func didSend(_ head: FrameHead, _ now: UInt64) {
        guard head.length > 0, var wait = streams[head.stream] else { return }
        connection.didMove(head.length, at: now)
        wait.didMove(head.length, at: now)
        streams[head.stream] = wait.left > 0 ? wait : nil
    }

    /// Whether a GOAWAY, written in one piece, has an error code: four bytes behind the last stream's number.
    private static func isError(_ content: Slice<UnsafeRawBufferPointer>) -> Bool {
        content.dropFirst(4).prefix(4).contains { $0 != 0 }
    }

    /// Whether the client lets out next to nothing at all.
    func isStalled(at now: UInt64) -> Bool { !streams.isEmpty && now &- connection.since >= timeout }

    /// Streams that the client lets next to nothing out of.
    func stalled(at now: UInt64) -> [Int] {
        streams.isEmpty ? [] : streams.filter { now &- $0.value.since >= timeout }.map(\.key)
    }
}
