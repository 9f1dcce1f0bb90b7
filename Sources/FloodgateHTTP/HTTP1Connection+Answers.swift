// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore

extension HTTP1Connection {
    /// Writes the head of an answer, and all of it if it is there.
    /// - Returns: Where to write the parts of the body, if it comes in parts.
    func deliver(
        _ head: HTTPResponse,
        _ body: OutboundAnswer.Body,
        of exchange: Exchange
    ) -> (any AnswerWriter)? {
        guard self.exchange === exchange, phase == .answering, !exchange.isStreaming, let context else { return nil }
        let goesOn =
            exchange.keepsAlive && !isDraining && !hasNothingToCome && head.headerFields[.connection] != "close"
        exchange.keepsAlive = goesOn
        let isEmpty = exchange.isHead || head.status.code == 204 || head.status.code == 304
        let length: Int?
        switch body {
        case .bytes(let bytes): length = bytes.readableBytes
        case .parts(let announced, _): length = announced
        case .events: length = nil
        }
        exchange.isChunked = length == nil && !isEmpty && !exchange.isOld
        if length == nil, !isEmpty, exchange.isOld { exchange.keepsAlive = false }
        exchange.status = head.status.code
        writeHead(head, length: head.status.code == 204 || head.status.code == 304 ? nil : length, exchange)
        switch body {
        case .bytes(let bytes):
            if !isEmpty { write(body: bytes, context) }
            finish(exchange)
            return nil
        case .events(let terms):
            if isEmpty {
                finish(exchange)
                return nil
            }
            end(exchange, status: exchange.status)
            read(terms, isChunked: exchange.isChunked)
            return nil
        case .parts:
            if isEmpty {
                finish(exchange)
                return nil
            }
            exchange.isStreaming = true
            // Parts may come for as long as they like; each has its own deadline.
            deadline = .max
            flush(context)
            return Writer(
                connection: NIOLoopBound(self, eventLoop: state.loop),
                exchange: NIOLoopBound(exchange, eventLoop: state.loop),
                loop: state.loop
            )
        }
    }

    private func writeHead(_ head: HTTPResponse, length: Int?, _ exchange: Exchange) {
        state.output.reserveCapacity(minimumWritableBytes: 512)
        state.output.writeString("HTTP/1.1 \(head.status.code) \(AnswerHead.reason(head.status.code))\r\n")
        for field in head.headerFields {
            switch field.name {
            case .connection, .contentLength, .transferEncoding, .date: continue
            default: break
            }
            state.output.writeString(field.name.canonicalName)
            state.output.writeStaticString(": ")
            state.output.writeString(AnswerHead.clean(field.value))
            state.output.writeStaticString("\r\n")
        }
        if exchange.isChunked {
            state.output.writeStaticString("transfer-encoding: chunked\r\n")
        } else if let length {
            state.output.writeString("content-length: \(length)\r\n")
        }
        writeEnd(of: &state.output, keepsAlive: exchange.keepsAlive, isOld: exchange.isOld)
    }

    private func writeEnd(of out: inout ByteBuffer, keepsAlive: Bool, isOld: Bool) {
        out.writeBytes(state.dateField)
        if peer.isSecure { out.writeStaticString("strict-transport-security: max-age=31536000\r\n") }
        if !keepsAlive {
            out.writeStaticString("connection: close\r\n")
        } else if isOld {
            out.writeStaticString("connection: keep-alive\r\n")
        }
        out.writeStaticString("\r\n")
    }

    func write(
        _ answer: FastAnswer,
        _ manner: Manner,
        keepsAlive: Bool,
        _ context: ChannelHandlerContext
    ) {
        let prepared = answer.prepared
        state.output.writeBytes(prepared.head)
        state.writeRequestID()
        writeEnd(of: &state.output, keepsAlive: keepsAlive, isOld: manner.isOld)
        let size = prepared.body.readableBytes
        guard !manner.isHead, size > 0, prepared.status != 304 else { return }
        write(body: prepared.body, context)
    }

    /// Appends a short body to what was put together, so that one write sends both; hands a long one over as it is.
    private func write(body: ByteBuffer, _ context: ChannelHandlerContext) {
        let size = body.readableBytes
        state.counts.bytesOut &+= size
        if size <= 2_048 {
            state.output.writeImmutableBuffer(body)
        } else {
            writeOutput(context)
            context.write(wrapOutboundOut(body), promise: nil)
        }
    }

    /// Hands over what was put together in the loop's memory.
    private func writeOutput(_ context: ChannelHandlerContext) {
        guard state.output.readableBytes > 0 else { return }
        // The memory is the connection's until it is sent; the next answer takes new memory.
        context.write(wrapOutboundOut(state.takeOutput()), promise: nil)
    }

    func flush(_ context: ChannelHandlerContext) {
        guard state.output.readableBytes > 0 else { return context.flush() }
        let output = state.takeOutput()
        context.write(wrapOutboundOut(output), promise: nil)
        context.flush()
        state.giveBack(output)
    }

    /// Ends the answer, and goes on with the next request or closes.
    func finish(_ exchange: Exchange) {
        guard self.exchange === exchange, phase == .answering, let context else { return }
        if exchange.isStreaming, exchange.isChunked {
            context.write(wrapOutboundOut(ByteBuffer(string: "0\r\n\r\n")), promise: nil)
        }
        flush(context)
        end(exchange, status: exchange.status)
        guard exchange.keepsAlive, !isDraining, !hasNothingToCome else { return linger(hasReadAll: true) }
        _ = becomeIdle()
        hold(false)
        work(context)
    }

    /// Whether the client has said all that it wants to say, and all of it is answered.
    private var hasNothingToCome: Bool { isInputClosed && (input?.readableBytes ?? 0) == 0 }

    /// Ends an answer that cannot be completed so that the client notices.
    func breakOff(_ exchange: Exchange) {
        guard self.exchange === exchange, phase == .answering else { return }
        close("broken_off")
    }

    /// Puts the answer to a request that is not served together.
    func write(_ refusal: Refusal, requestID: String, _ manner: Manner, keepsAlive: Bool) {
        let template = state.templates.template(refusal, of: service)
        template.writeHead(to: &state.output, requestID: requestID)
        writeEnd(of: &state.output, keepsAlive: keepsAlive, isOld: manner.isOld)
        if !manner.isHead { template.writeBody(to: &state.output, requestID: requestID) }
    }

    /// Ends a request that has begun with a refusal, and the connection with it.
    func refuse(_ refusal: Refusal, _ exchange: Exchange?, _ context: ChannelHandlerContext) {
        service.didRefuse(refusal, route: exchange?.terms.route, requestID: exchange?.id, on: state)
        var manner = Manner()
        manner.isHead = exchange?.isHead ?? false
        if let exchange { end(exchange, status: refusal.status) }
        // Behind the head of an answer there is no place for another.
        if exchange?.isStreaming == true { return close("late") }
        write(refusal, requestID: exchange?.id ?? state.nextRequestID(), manner, keepsAlive: false)
        flush(context)
        linger()
    }

    func end(_ exchange: Exchange, status: Int) {
        guard self.exchange === exchange else { return }
        self.exchange = nil
        let time = Int64(clamping: LoopState.preciseNow &- exchange.since)
        if status > 0 { state.counts.answered(route: exchange.terms.route, status: status, nanoseconds: time) }
    }

    // MARK: Bodies in parts

    /// Writes the parts of a body from the task that makes them.
    private struct Writer: AnswerWriter {
        let connection: NIOLoopBound<HTTP1Connection>
        let exchange: NIOLoopBound<Exchange>
        let loop: any EventLoop

        func write(_ part: ByteBuffer) async throws {
            guard part.readableBytes > 0 else { return }
            try await loop.flatSubmit { connection.value.write(part, of: exchange.value) }.get()
        }
    }

    func write(_ part: ByteBuffer, of exchange: Exchange) -> EventLoopFuture<Void> {
        guard self.exchange === exchange, phase == .answering, let context else {
            return state.loop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        state.counts.bytesOut &+= part.readableBytes
        if exchange.isChunked {
            context.write(
                wrapOutboundOut(ByteBuffer(string: String(part.readableBytes, radix: 16) + "\r\n")),
                promise: nil
            )
            context.write(wrapOutboundOut(part), promise: nil)
            let promise = state.loop.makePromise(of: Void.self)
            context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: "\r\n")), promise: promise)
            return promise.futureResult
        }
        let promise = state.loop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(part), promise: promise)
        return promise.futureResult
    }
}
