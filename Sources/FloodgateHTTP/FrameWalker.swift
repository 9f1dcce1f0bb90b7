// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What the first nine bytes of an HTTP/2 frame say (RFC 9113 §4.1).
struct FrameHead: Equatable {
    /// What kinds of frames there are; others are to be ignored.
    enum Kind {
        static let data: UInt8 = 0
        static let headers: UInt8 = 1
        static let rstStream: UInt8 = 3
        static let settings: UInt8 = 4
        static let ping: UInt8 = 6
        static let goAway: UInt8 = 7
        static let windowUpdate: UInt8 = 8
        static let continuation: UInt8 = 9
        /// The first of the kinds that RFC 9113 does not know.
        static let unknown: UInt8 = 10
    }

    private static let endStreamFlag: UInt8 = 1
    private static let endHeadersFlag: UInt8 = 4

    /// Bytes that follow the head.
    let length: Int
    let kind: UInt8
    let flags: UInt8
    let stream: Int

    var endsStream: Bool { flags & Self.endStreamFlag != 0 }
    var endsHeaders: Bool { flags & Self.endHeadersFlag != 0 }
}

/// Finds the frames in bytes that come in any pieces, and keeps none of them.
struct FrameWalker {
    private static let headLength = 9

    /// The first eight bytes of a head, as far as they are there.
    private var head: UInt64 = 0
    private var headBytes = 0
    /// Bytes of the last frame's content that are still to come.
    private var left: Int
    /// How many frames were there to their last byte.
    private(set) var completed = 0

    /// Begins behind `skipping` bytes that are no frames.
    init(skipping: Int = 0) { left = skipping }

    /// Whether the last frame has begun and not ended.
    var isInFrame: Bool { headBytes > 0 || left > 0 }

    /// The next head of a frame, whose content begins at `position` then; nil if `bytes` end before.
    mutating func next(in bytes: UnsafeRawBufferPointer, at position: inout Int) -> FrameHead? {
        if left > 0 {
            let count = min(left, bytes.count - position)
            position += count
            left -= count
            guard left == 0 else { return nil }
            completed &+= 1
        }
        while position < bytes.count {
            let byte = bytes[position]
            position += 1
            headBytes += 1
            guard headBytes == Self.headLength else {
                head = head << 8 | UInt64(byte)
                continue
            }
            headBytes = 0
            let frame = FrameHead(
                length: Int(head >> 40),
                kind: UInt8(truncatingIfNeeded: head >> 32),
                flags: UInt8(truncatingIfNeeded: head >> 24),
                stream: Int((head << 8 | UInt64(byte)) & 0x7FFF_FFFF)
            )
            head = 0
            left = frame.length
            if left == 0 { completed &+= 1 }
            return frame
        }
        return nil
    }
}
