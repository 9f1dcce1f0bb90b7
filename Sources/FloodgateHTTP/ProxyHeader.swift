// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Reads the PROXY header (HAProxy's protocol, versions 1 and 2) that a listener behind a load balancer requires, and
/// then gives the connection to what it was meant for.
final class ProxyHeader: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// Version 1 has at most 107 bytes; of version 2 we take as many as addresses and a few additions need.
    private static let maxLength = 536
    private static let signature: [UInt8] = [0x0D, 0x0A, 0x0D, 0x0A, 0x00, 0x0D, 0x0A, 0x51, 0x55, 0x49, 0x54, 0x0A]

    private let antechamber: Antechamber
    private let next: (any Channel, SocketAddress?) throws -> Void
    private var input = ByteBuffer()
    /// Its place among all connections, until the address that counts is known.
    private let slot: ConnectionLimiter.Slot

    /// Holds `slot` until the header is read; `next` then adds the handlers behind, told of the address that the header
    /// names, if it names one.
    init(state: LoopState, slot: ConnectionLimiter.Slot, next: @escaping (any Channel, SocketAddress?) throws -> Void) {
        antechamber = Antechamber(state: state, lateness: "proxy_header")
        self.slot = slot
        self.next = next
    }

    func handlerAdded(context: ChannelHandlerContext) { antechamber.enter(context.channel) }

    func handlerRemoved(context: ChannelHandlerContext) {
        slot.free()
        antechamber.leave()
    }

    func channelInactive(context: ChannelHandlerContext) {
        antechamber.didEnd()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        input.writeBuffer(&bytes)
        switch Self.read(&input) {
        case .incomplete:
            if input.readableBytes > Self.maxLength { antechamber.close("proxy_header") }
        case .malformed: antechamber.close("proxy_header")
        case .address(let address):
            slot.free()
            do { try next(context.channel, address) } catch { return antechamber.close("proxy_header") }
            if input.readableBytes > 0 {
                context.fireChannelRead(wrapInboundOut(input))
                context.fireChannelReadComplete()
            }
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent { return antechamber.close("proxy_header") }
        context.fireUserInboundEventTriggered(event)
    }

    // MARK: The header

    enum Reading: Equatable {
        case incomplete, malformed
        /// The header is read; nil for a connection of the proxy's own, which has no other address.
        case address(SocketAddress?)
    }

    static func read(_ input: inout ByteBuffer) -> Reading {
        let view = input.readableBytesView
        guard let first = view.first else { return .incomplete }
        if first == 0x50 { return readText(&input) }
        guard first == signature[0] else { return .malformed }
        guard view.count >= 16 else {
            return view.prefix(signature.count).elementsEqual(signature.prefix(view.count)) ? .incomplete : .malformed
        }
        guard view.prefix(12).elementsEqual(signature) else { return .malformed }
        return readBinary(&input)
    }

    /// `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443` and a line end.
    private static func readText(_ input: inout ByteBuffer) -> Reading {
        let view = input.readableBytesView
        guard view.prefix(6).elementsEqual("PROXY ".utf8.prefix(view.count)) else { return .malformed }
        guard let end = view.firstIndex(of: 0x0A) else { return view.count > 107 ? .malformed : .incomplete }
        let length = end - view.startIndex + 1
        guard length <= 107, length >= 8, view[end - 1] == 0x0D,
            view[..<(end - 1)].allSatisfy({ $0 >= 0x20 && $0 < 0x7F })
        else { return .malformed }
        guard let line = input.readString(length: length) else { return .malformed }
        let words = line.dropLast(1).split(separator: " ", omittingEmptySubsequences: false)
        if words.count >= 2, words[1] == "UNKNOWN" { return .address(nil) }
        guard words.count == 6, let port = port(words[4]), Self.port(words[5]) != nil,
            let address = try? SocketAddress(ipAddress: String(words[2]), port: Int(port)),
            (try? SocketAddress(ipAddress: String(words[3]), port: 0)) != nil
        else { return .malformed }
        switch (words[1], address) {
        case ("TCP4", .v4), ("TCP6", .v6): return .address(address)
        default: return .malformed
        }
    }

    private static func port(_ text: Substring) -> UInt16? {
        text.utf8.allSatisfy { $0 &- 0x30 < 10 } ? UInt16(text) : nil
    }

    private static func readBinary(_ input: inout ByteBuffer) -> Reading {
        let start = input.readerIndex
        guard let command = input.getInteger(at: start + 12, as: UInt8.self),
            let family = input.getInteger(at: start + 13, as: UInt8.self),
            let length = input.getInteger(at: start + 14, as: UInt16.self)
        else { return .incomplete }
        guard command >> 4 == 2, command & 15 <= 1, Int(length) + 16 <= maxLength else { return .malformed }
        guard input.readableBytes >= 16 + Int(length) else { return .incomplete }
        input.moveReaderIndex(forwardBy: 16)
        guard var rest = input.readSlice(length: Int(length)) else { return .malformed }
        if command & 15 == 0 { return .address(nil) }
        switch family {
        case 0x11, 0x12: return address(&rest, size: 4)
        case 0x21, 0x22: return address(&rest, size: 16)
        default: return .address(nil)
        }
    }

    private static func address(_ rest: inout ByteBuffer, size: Int) -> Reading {
        guard let source = rest.readSlice(length: size), rest.readSlice(length: size) != nil,
            let port = rest.readInteger(as: UInt16.self),
            let address = try? SocketAddress(packedIPAddress: source, port: Int(port))
        else { return .malformed }
        return .address(address)
    }
}
