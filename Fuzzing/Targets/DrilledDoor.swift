// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import NIOCore
import NIOEmbedded

/// A connection to the front door on this thread alone, and what came out of it.
final class DrilledDoor {
    private let loop = EmbeddedEventLoop()
    private let executor = StepExecutor()
    private let channel: EmbeddedChannel
    private let drill: Drill
    private let sink = Sink()

    /// Keeps what is sent.
    private final class Sink: ChannelOutboundHandler {
        typealias OutboundIn = IOData

        var bytes: [UInt8] = []

        func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
            if case .byteBuffer(let buffer) = unwrapOutboundIn(data) { bytes += buffer.readableBytesView }
            promise?.succeed()
        }
    }

    init(limits: HTTPLimits) throws {
        drill = Drill(DrillService(), limits: limits, on: loop, executor: executor)
        channel = EmbeddedChannel(loop: loop)
        channel.allowRemoteHalfClosure = true
        try channel.pipeline.syncOperations.addHandler(sink)
        try channel.connect(to: SocketAddress(ipAddress: "192.0.2.1", port: 1)).wait()
        try drill.admit(channel)
    }

    /// Everything that was sent so far.
    var sent: [UInt8] { sink.bytes }

    /// Sends `bytes` and waits until nothing more happens.
    func receive(_ bytes: ArraySlice<UInt8>) {
        guard channel.isActive else { return }
        channel.pipeline.fireChannelRead(ByteBuffer(bytes: bytes))
        channel.pipeline.fireChannelReadComplete()
        settle()
    }

    func drain() {
        drill.drain()
        settle()
    }

    /// Says that no more bytes come, and lets time pass.
    /// - Returns: Whether the connection came to an end, as it has to.
    func end(closesInput: Bool) -> Bool {
        if closesInput, channel.isActive {
            channel.pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
            settle()
        }
        for seconds in [1, 20, 40, 100, 200, 300] {
            drill.check(after: .seconds(seconds))
            settle()
        }
        return drill.connections == 0 && !channel.isActive
    }

    private func settle() {
        repeat { loop.run() } while executor.run()
    }
}

extension [UInt8] {
    /// The same bytes in pieces whose lengths these bytes decide on.
    var pieces: [ArraySlice<UInt8>] {
        var state = reduce(UInt64(count)) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        var result: [ArraySlice<UInt8>] = []
        var rest = self[...]
        while !rest.isEmpty {
            state = state &* 6_364_136_223_846_793_005 &+ 1
            let length = state >> 63 == 0 ? Int(state >> 33) % 4 + 1 : Int(state >> 33) % 64 + 1
            result.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return result
    }
}
