// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Looks at a client's HTTP/2 frames before anybody takes them apart, for what NIO's frame handler lets pass: frames that
/// do not come to an end, and floods of those that ask for nothing.
///
/// NIO itself bounds PING, SETTINGS, PRIORITY, RST_STREAM, empty DATA and CONTINUATION. It takes any number of frames of
/// unknown kinds, of GOAWAY and of WINDOW_UPDATE, and of settings in one SETTINGS.
struct FrameWatch {
    /// What every connection begins with (RFC 9113 §3.4), which is no frame.
    private static let prefaceLength = 24
    /// Idle frames that one request entitles to: browsers send frames of made-up kinds with each to keep servers
    /// honest, and change their windows and priorities.
    private static let perRequest = 4
    /// Idle frames that one write of an answer in parts entitles to: a window update of the stream, one of the connection.
    private static let perPart = 2
    /// Bytes sent that entitle to one idle frame.
    ///
    /// Most clients open a window again when half of it is used up; the
    /// busiest do so for every read of 4 KiB, for the stream and for the connection.
    private static let bytesPerFrame = 1 << 10
    /// What can be saved up at most.
    private static let mostCredit = 16_384
    /// Settings that count as one frame; clients send six or so.
    private static let settingsPerFrame = 32
    private static let settingLength = 6

    private let headerTimeout: UInt64
    private let bodyTimeout: UInt64
    private let most: Int
    private let window: UInt64
    private var walker = FrameWalker(skipping: prefaceLength)
    private var table = TableClamp()
    /// What of the bytes that were received last is to be changed before they go on.
    private(set) var patches: [TableClamp.Patch] = []
    /// Since when the frame that is coming in has been doing so; 0 between frames.
    private var frameSince: UInt64 = 0
    private var isData = false
    /// Since when a header block is open; 0 if none is.
    private var blockSince: UInt64 = 0
    /// Bytes of DATA frames that the client was not yet told to send as many again of.
    private(set) var consumed = 0
    private var credit = 0
    private var sent = 0
    /// Idle frames without a reason since `windowSince`.
    private var idle = 0
    private var windowSince: UInt64 = 0

    init(_ limits: HTTPLimits) {
        headerTimeout = limits.headerTimeout.nanoseconds
        bodyTimeout = limits.bodyTimeout.nanoseconds
        most = limits.controlFrames
        window = limits.frameWindow.nanoseconds
    }

    /// Takes note of what came in.
    /// - Returns: Whether the client sends more than it has reason to.
    mutating func received(_ bytes: UnsafeRawBufferPointer, at now: UInt64) -> Bool {
        let before = walker.completed
        var position = 0
        patches = table.read(bytes, from: 0)
        while let head = walker.next(in: bytes, at: &position) {
            isData = head.kind == FrameHead.Kind.data
            switch head.kind {
            case FrameHead.Kind.data: consumed += head.length
            case FrameHead.Kind.headers:
                if !head.endsHeaders { blockSince = now }
                credit = min(credit + Self.perRequest, Self.mostCredit)
            case FrameHead.Kind.continuation: if head.endsHeaders { blockSince = 0 }
            case FrameHead.Kind.settings:
                table.begin(length: head.length)
                patches += table.read(bytes, from: position)
                guard spend(head.length / (Self.settingLength * Self.settingsPerFrame), now) else { return true }
            case FrameHead.Kind.windowUpdate, FrameHead.Kind.goAway, FrameHead.Kind.unknown...:
                guard spend(1, now) else { return true }
            default: break
            }
        }
        if !walker.isInFrame {
            frameSince = 0
        } else if frameSince == 0 || walker.completed != before {
            frameSince = now
        }
        return false
    }

    private mutating func spend(_ count: Int, _ now: UInt64) -> Bool {
        if count <= credit {
            credit -= count
            return true
        }
        if now &- windowSince >= window {
            windowSince = now
            idle = 0
        }
        idle += count
        return idle <= most
    }

    /// Takes note of `count` bytes of answers that went out.
    mutating func didSend(_ count: Int) {
        sent += count
        credit = min(credit + sent / Self.bytesPerFrame, Self.mostCredit)
        sent %= Self.bytesPerFrame
    }

    /// Takes note of a part of an answer, however small.
    mutating func didSendPart() { credit = min(credit + Self.perPart, Self.mostCredit) }

    /// Takes note that the client was told to send as much again.
    mutating func didAcknowledge() { consumed = 0 }

    /// Whether a frame or a header block has taken too long.
    func isLate(at now: UInt64) -> Bool {
        if blockSince != 0, now &- blockSince >= headerTimeout { return true }
        return frameSince != 0 && now &- frameSince >= (isData ? bodyTimeout : headerTimeout)
    }
}
