// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Sees whether the frame handler says GOAWAY, which it does after errors of the connection and not after those of one
/// stream; the errors themselves do not tell.
final class Farewell: ChannelOutboundHandler {
    typealias OutboundIn = IOData
    typealias OutboundOut = IOData

    private static let goAway: UInt8 = 7

    private(set) var wasSaid = false
    /// Bytes of the last frame's content that are still to come.
    private var left = 0

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        if case .byteBuffer(let bytes) = unwrapOutboundIn(data) { look(at: bytes) }
        context.write(data, promise: promise)
    }

    private func look(at bytes: ByteBuffer) {
        var position = bytes.readerIndex
        while position < bytes.writerIndex {
            if left > 0 {
                let count = min(left, bytes.writerIndex - position)
                left -= count
                position += count
                continue
            }
            // Heads of frames are written in one piece: three bytes of length, and the type.
            guard let head = bytes.getInteger(at: position, as: UInt32.self) else { return }
            if UInt8(truncatingIfNeeded: head) == Self.goAway { wasSaid = true }
            left = Int(head >> 8)
            position += 9
        }
    }
}
