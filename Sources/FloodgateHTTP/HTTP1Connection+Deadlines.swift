// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore

extension HTTP1Connection {
    // MARK: The end

    /// Says that nothing more comes, and lets the client read before the connection goes.
    func linger(hasReadAll: Bool = false) {
        guard phase != .closed, let context else { return }
        if hasReadAll, (input?.readableBytes ?? 0) == 0, isSent(context) {
            // Nothing is on its way in either direction that closing could cut off.
            return close("done")
        }
        phase = .lingering
        input = nil
        dropped = 0
        deadline = state.now &+ limits.lingerTimeout.nanoseconds
        hold(false)
        let bound = NIOLoopBound(self, eventLoop: state.loop)
        if isInputClosed {
            // All was read: what is still to be sent goes first.
            context.channel.writeAndFlush(ByteBuffer()).whenComplete { _ in bound.value.close("done") }
        } else {
            context.close(mode: .output, promise: nil)
        }
    }

    private func isSent(_ context: ChannelHandlerContext) -> Bool {
        !peer.isSecure && (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) == 0
    }

    func close(_ reason: String) {
        guard phase != .closed else { return }
        phase = .closed
        state.counts.closes[reason, default: 0] += 1
        context?.close(promise: nil)
    }

    func leave() {
        guard context != nil else { return }
        if phase != .closed { state.counts.closes["client", default: 0] += 1 }
        phase = .closed
        context = nil
        input = nil
        state.remove(self)
        connections.free()
        reader?.leave()
        reader = nil
        if let exchange {
            exchange.task?.cancel()
            end(exchange, status: 0)
        }
    }

    func hold(_ holds: Bool) {
        guard holds != isHoldingReads else { return }
        isHoldingReads = holds
        if !holds, isReadHeld {
            isReadHeld = false
            context?.read()
        }
    }

    /// Reads requests again.
    func resume() {
        isSlowedDown = false
        guard let context, phase != .closed else { return }
        hold(false)
        work(context)
    }

    // MARK: Deadlines

    func check(at now: UInt64) {
        guard let context, phase != .closed else { return }
        // Thousands of streams at a time, most of which have nothing to send.
        if phase == .streaming { return checkStream(context, at: now) }
        guard checkUnsent(context, now) else { return close("write_timeout") }
        switch phase {
        case .body where exchange?.isTooSlow(at: now, limits) == true: refuse(.slowBody, exchange, context)
        case _ where now < deadline: break
        case .idle: close(isFirst ? "silent" : "idle")
        case .header: refuse(.slowHeader, nil, context)
        case .discarding: close("body_timeout")
        case .answering:
            guard let exchange else { return }
            exchange.task?.cancel()
            refuse(exchange.terms.lateness, exchange, context)
        case .lingering: if unsent == 0 { close("linger") }
        case .body, .streaming, .closed: break
        }
    }

    /// Whether the client still takes what is written.
    func checkUnsent(_ context: ChannelHandlerContext, _ now: UInt64) -> Bool {
        defer {
            // The time to read the last answer runs from when all of it is out.
            if phase == .lingering, unsent > 0 { deadline = now &+ limits.lingerTimeout.nanoseconds }
        }
        let left = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        guard left > 0 else {
            unsent = 0
            return true
        }
        if left != unsent || unsentSince == 0 {
            unsent = left
            unsentSince = now
        }
        return now &- unsentSince < limits.writeTimeout.nanoseconds
    }

    func abandon() { close("drain") }

    func drain() {
        isDraining = true
        switch phase {
        case .idle: linger(hasReadAll: true)
        case .streaming: reader?.beginToLeave()
        case .header, .body, .discarding, .answering, .lingering, .closed: break
        }
    }
}
