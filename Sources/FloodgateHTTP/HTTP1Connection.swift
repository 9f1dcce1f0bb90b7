// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore

/// One HTTP/1 connection: reads requests one after the other, answers those of the fast lane where they lie, and hands
/// the others to the service when they have come in whole.
///
/// Whatever the client does, it holds no more memory than the limits say, and ends within its deadlines.
final class HTTP1Connection: ChannelDuplexHandler, RemovableChannelHandler, LoopConnection {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer
    typealias OutboundIn = Never
    typealias OutboundOut = ByteBuffer

    private enum Phase {
        /// Nothing of a request has come in; since when, and whether there was one before.
        case idle
        /// A head has begun.
        case header
        /// The body of `exchange` comes in.
        case body
        /// What follows, of a request that was refused, is dropped.
        case discarding
        /// `exchange` is with the service, or its answer is being written.
        case answering
        /// The last answer is out; what still comes in is dropped for a while.
        case lingering
        case closed
    }

    var place = -1
    private let state: LoopState
    private let service: any FrontService
    private let limits: HTTPLimits
    private let connections: ConnectionLimiter.Slot
    private let peer: Peer
    private var context: ChannelHandlerContext?
    private var phase = Phase.idle
    /// Whether no request has been answered yet.
    private var isFirst = true
    private var input: ByteBuffer?
    /// How much of `input` was searched for the end of a head.
    private var searched = 0
    /// When the phase must be over.
    private var deadline: UInt64
    private var exchange: Exchange?
    private var isReadHeld = false
    private var isHoldingReads = false
    private var isInputClosed = false
    private var isWorking = false
    private var worksAgain = false
    private var isDraining = false
    private var dropped = 0
    /// Bytes of a refused request's body that are still to come.
    private var discardLeft = 0
    /// What was unsent at the last look, and since when it has not changed.
    private var unsent = 0
    private var unsentSince: UInt64 = 0

    init(state: LoopState, service: any FrontService, peer: Peer, slot: ConnectionLimiter.Slot) {
        self.state = state
        self.service = service
        self.peer = peer
        limits = state.limits
        connections = slot
        deadline = state.now &+ limits.headerTimeout.nanoseconds
    }

    // MARK: Events of the channel

    func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        state.add(self)
    }

    func handlerRemoved(context: ChannelHandlerContext) { leave() }

    func channelInactive(context: ChannelHandlerContext) {
        leave()
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        switch phase {
        case .closed: return
        case .lingering:
            dropped += bytes.readableBytes
            // The rest stays in the kernel until the client has had time to see the answer.
            if dropped > limits.lingering { hold(true) }
            return
        default: break
        }
        if input == nil {
            input = bytes
        } else {
            input?.writeBuffer(&bytes)
        }
        work(context)
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { work(context) }
        context.fireChannelWritabilityChanged()
    }

    /// Leaves bytes in the kernel while there are enough here.
    func read(context: ChannelHandlerContext) {
        if isHoldingReads { isReadHeld = true } else { context.read() }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if case ChannelEvent.inputClosed? = event as? ChannelEvent {
            isInputClosed = true
            switch phase {
            case .idle, .header:
                // Requests that wait for the client to take answers are still answered.
                if context.channel.isWritable { close("client") }
            case .body, .discarding, .lingering: close("client")
            case .answering where exchange?.isStreaming == true: close("client")
            case .answering, .closed: break
            }
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { close("error") }

    // MARK: HTTP/2 without being asked

    /// What a client sends that speaks HTTP/2 from the first byte on (RFC 9113 §3.4).
    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    /// Whether the connection is, or may still become, one of HTTP/2.
    private func isHTTP2(_ context: ChannelHandlerContext) -> Bool {
        guard let bytes = input?.readableBytesView, bytes.first == Self.preface[0] else { return false }
        guard bytes.prefix(Self.preface.count).elementsEqual(Self.preface.prefix(bytes.count)) else { return false }
        if bytes.count >= Self.preface.count { becomeHTTP2(context) }
        return true
    }

    private func becomeHTTP2(_ context: ChannelHandlerContext) {
        guard let input else { return }
        self.input = nil
        phase = .closed
        self.context = nil
        state.remove(self)
        let connection = HTTP2Connection(
            state: state,
            service: service,
            peer: peer,
            slot: connections,
            deadline: deadline
        )
        do {
            try HTTP2Connection.add(to: context.channel, connection)
            context.fireChannelRead(wrapInboundOut(input))
            context.fireChannelReadComplete()
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
        } catch { context.close(promise: nil) }
    }

    // MARK: Requests

    /// Goes on with what lies in `input`, as far as it reaches.
    private func work(_ context: ChannelHandlerContext) {
        // Writing may make the channel writable again, and so come back here in the middle of a request.
        guard !isWorking else {
            worksAgain = true
            return
        }
        isWorking = true
        repeat {
            worksAgain = false
            workOnce(context)
        } while worksAgain && phase != .closed && self.context != nil
        isWorking = false
        guard self.context != nil, isInputClosed, phase == .idle || phase == .header, context.channel.isWritable else {
            return
        }
        linger(hasReadAll: true)
    }

    private func workOnce(_ context: ChannelHandlerContext) {
        var wrote = false
        loop: while let bytes = input, bytes.readableBytes > 0 {
            switch phase {
            case .idle, .header:
                // Answers that the client does not take stop the requests behind them.
                guard context.channel.isWritable else { break loop }
                guard readHead(context, &wrote) else { break loop }
            case .body:
                guard readBody(context) else { break loop }
            case .discarding: discard()
            case .answering, .lingering, .closed: break loop
            }
        }
        if wrote, phase != .closed { flush(context) }
        if input?.readableBytes == 0 { input = nil }
        hold(input.map { phase == .answering && $0.readableBytes > limits.pipelined } ?? false)
        if let context = self.context, phase == .idle || phase == .header { hold(!context.channel.isWritable) }
    }

    private enum Step {
        case incomplete
        case fast(FastAnswer, route: Int, Manner)
        case serve(RequestTerms, Exchange, length: Int)
        case refuse(Refusal, route: Int?, Manner)
    }

    /// What of a head decides how it is answered and what follows.
    private struct Manner {
        /// Bytes of the head; 0 if it could not be read.
        var length = 0
        var isHead = false
        var isOld = false
        /// Whether all of the request is there, since it has no body.
        var isWhole = false
        /// Bytes of the body that follow the head; nil if nobody can tell, or if the connection is not to go on.
        var bodyToSkip: Int?

        init() {}

        init(_ head: RequestHead, length: Int, limits: HTTPLimits) {
            self.length = length
            isHead = head.method == .head
            isOld = head.isOld
            isWhole = head.framing == .none
            guard head.keepsAlive, !head.expectsContinue else { return }
            switch head.framing {
            case .none: bodyToSkip = 0
            case .length(let size) where size <= limits.lingering: bodyToSkip = size
            case .length, .chunked: break
            }
        }
    }

    /// Reads a head and does what it asks for; false if it is not complete.
    private func readHead(_ context: ChannelHandlerContext, _ wrote: inout Bool) -> Bool {
        if phase == .idle {
            if isFirst, isHTTP2(context) { return false }
            skipEmptyLine()
            guard let input, input.readableBytes > 0 else { return false }
            if input.readableBytes == 1, input.readableBytesView.first == 0x0D { return false }
            phase = .header
            // The first one's time runs from the beginning of the connection.
            if !isFirst { deadline = state.now &+ limits.headerTimeout.nanoseconds }
            searched = 0
        }
        switch nextStep() {
        case .incomplete: return false
        case .fast(let answer, let route, let manner):
            if isFirst, answer.isForKnown { connections.didShowItself() }
            write(answer, manner, keepsAlive: goesOn(manner), context)
            wrote = true
            state.counts.answered(route: route, status: answer.prepared.status, nanoseconds: nil)
            return proceed(behind: manner, &wrote, context)
        case .serve(let terms, let exchange, let length):
            input?.moveReaderIndex(forwardBy: length)
            begin(exchange, terms, context)
            return true
        case .refuse(let refusal, let route, var manner):
            if refusal.closes { manner.bodyToSkip = nil }
            service.didRefuse(refusal, route: route, on: state)
            write(refusal, requestID: state.nextRequestID(), manner, keepsAlive: goesOn(manner))
            wrote = true
            if let route { state.counts.answered(route: route, status: refusal.status, nanoseconds: nil) }
            return proceed(behind: manner, &wrote, context)
        }
    }

    private func goesOn(_ manner: Manner) -> Bool { manner.bodyToSkip != nil && !isDraining }

    /// Makes ready for what follows a request that is answered already; false if nothing does.
    private func proceed(behind manner: Manner, _ wrote: inout Bool, _ context: ChannelHandlerContext) -> Bool {
        guard goesOn(manner), let body = manner.bodyToSkip else {
            input?.moveReaderIndex(forwardBy: manner.length)
            phase = .lingering
            flush(context)
            wrote = false
            linger(hasReadAll: manner.isWhole)
            return false
        }
        input?.moveReaderIndex(forwardBy: manner.length)
        guard body > 0 else { return becomeIdle() }
        isFirst = false
        phase = .discarding
        discardLeft = body
        deadline = state.now &+ limits.bodyTimeout.nanoseconds
        return true
    }

    private func discard() {
        let count = min(discardLeft, input?.readableBytes ?? 0)
        input?.moveReaderIndex(forwardBy: count)
        discardLeft -= count
        if discardLeft == 0 { _ = becomeIdle() }
    }

    private func nextStep() -> Step {
        guard let input else { return .incomplete }
        return input.withUnsafeReadableBytes { bytes in
            do throws(Refusal) {
                guard let length = try state.scanner.end(of: bytes, searched: &searched) else { return .incomplete }
                let head = try state.scanner.read(UnsafeRawBufferPointer(rebasing: bytes[0..<length]))
                return step(head, length: length)
            } catch {
                return .refuse(error, route: nil, Manner())
            }
        }
    }

    private func step(_ head: RequestHead, length: Int) -> Step {
        let manner = Manner(head, length: length, limits: limits)
        switch service.receive(head, from: peer, on: state) {
        case .fast(let answer, let route): return .fast(answer, route: route, manner)
        case .refuse(let refusal, let route): return .refuse(refusal, route: route, manner)
        case .serve(let terms):
            var bodyLength = 0
            if case .length(let announced) = head.framing {
                guard announced <= terms.bodyLimit else {
                    return .refuse(.bodyTooLarge, route: terms.route, manner)
                }
                bodyLength = announced
            }
            let exchange = Exchange(
                head: head.request(scheme: peer.isSecure ? "https" : "http"),
                id: state.nextRequestID(),
                terms: terms,
                framing: head.framing,
                bodyLength: bodyLength,
                keepsAlive: head.keepsAlive,
                isOld: head.isOld,
                awaitsContinue: head.expectsContinue,
                limits: limits
            )
            return .serve(terms, exchange, length: length)
        }
    }

    /// One empty line before a request is what some old clients send behind a body.
    private func skipEmptyLine() {
        guard let bytes = input, bytes.readableBytes >= 2 else { return }
        if bytes.getInteger(at: bytes.readerIndex, as: UInt16.self) == 0x0D0A { input?.moveReaderIndex(forwardBy: 2) }
    }

    private func becomeIdle() -> Bool {
        isFirst = false
        guard !isDraining else {
            linger(hasReadAll: true)
            return false
        }
        phase = .idle
        searched = 0
        deadline = state.now &+ limits.idleTimeout.nanoseconds
        return true
    }

    // MARK: Bodies

    private func begin(_ exchange: Exchange, _ terms: RequestTerms, _ context: ChannelHandlerContext) {
        self.exchange = exchange
        if exchange.terms.caller != nil { connections.didShowItself() }
        guard exchange.framing != .none else { return serve(exchange, context) }
        phase = .body
        exchange.bodySince = state.now
        if exchange.awaitsContinue, (input?.readableBytes ?? 0) == 0 {
            state.output.writeStaticString("HTTP/1.1 100 Continue\r\n\r\n")
            flush(context)
        }
    }

    /// Takes what there is of the body; true if the request is complete or over.
    private func readBody(_ context: ChannelHandlerContext) -> Bool {
        guard let exchange, var bytes = input else { return false }
        let before = bytes.readableBytes
        do throws(Refusal) {
            let isComplete = try exchange.readBody(&bytes)
            input = bytes
            state.counts.bytesIn &+= before - bytes.readableBytes
            guard isComplete else { return false }
            serve(exchange, context)
            return true
        } catch {
            input = bytes
            refuse(error, exchange, context)
            return true
        }
    }

    private func serve(_ exchange: Exchange, _ context: ChannelHandlerContext) {
        phase = .answering
        deadline = state.now &+ exchange.terms.timeout.nanoseconds
        let request = InboundRequest(
            head: exchange.head,
            body: exchange.takeBody(),
            id: exchange.id,
            peer: peer,
            terms: exchange.terms,
            channel: context.channel,
            lease: exchange.lease
        )
        let service = service
        let loop = state.loop
        let bound = NIOLoopBound(self, eventLoop: loop)
        let boundExchange = NIOLoopBound(exchange, eventLoop: loop)
        exchange.task = Task {
            let answer = await service.answer(request)
            let writer = try? await loop.submit {
                bound.value.deliver(answer.head, answer.body, of: boundExchange.value)
            }.get()
            guard case .parts(_, let produce) = answer.body, let writer else { return }
            do {
                try await produce(writer)
                loop.execute { bound.value.finish(boundExchange.value) }
            } catch {
                loop.execute { bound.value.breakOff(boundExchange.value) }
            }
        }
    }

    // MARK: Answers

    /// Writes the head of an answer, and all of it if it is there.
    /// - Returns: Where to write the parts of the body, if it comes in parts.
    private func deliver(
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
        }
        exchange.isChunked = length == nil && !isEmpty && !exchange.isOld
        if length == nil, !isEmpty, exchange.isOld { exchange.keepsAlive = false }
        exchange.status = head.status.code
        writeHead(head, length: head.status.code == 204 || head.status.code == 304 ? nil : length, exchange, context)
        switch body {
        case .bytes(let bytes):
            if !isEmpty, bytes.readableBytes > 0 {
                state.counts.bytesOut &+= bytes.readableBytes
                context.write(wrapOutboundOut(bytes), promise: nil)
            }
            finish(exchange)
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

    private func writeHead(_ head: HTTPResponse, length: Int?, _ exchange: Exchange, _ context: ChannelHandlerContext) {
        var out = ByteBuffer()
        out.reserveCapacity(512)
        out.writeString("HTTP/1.1 \(head.status.code) \(AnswerHead.reason(head.status.code))\r\n")
        for field in head.headerFields {
            switch field.name {
            case .connection, .contentLength, .transferEncoding, .date: continue
            default: break
            }
            out.writeString(field.name.canonicalName)
            out.writeStaticString(": ")
            out.writeString(AnswerHead.clean(field.value))
            out.writeStaticString("\r\n")
        }
        if exchange.isChunked {
            out.writeStaticString("transfer-encoding: chunked\r\n")
        } else if let length {
            out.writeString("content-length: \(length)\r\n")
        }
        writeEnd(of: &out, keepsAlive: exchange.keepsAlive, isOld: exchange.isOld)
        context.write(wrapOutboundOut(out), promise: nil)
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

    private func write(
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
        state.counts.bytesOut &+= size
        if size <= 2_048 {
            state.output.writeImmutableBuffer(prepared.body)
        } else {
            writeOutput(context)
            context.write(wrapOutboundOut(prepared.body), promise: nil)
        }
    }

    /// Hands over what was put together in the loop's memory.
    private func writeOutput(_ context: ChannelHandlerContext) {
        guard state.output.readableBytes > 0 else { return }
        // The memory is the connection's until it is sent; the next answer takes new memory.
        context.write(wrapOutboundOut(state.takeOutput()), promise: nil)
    }

    private func flush(_ context: ChannelHandlerContext) {
        guard state.output.readableBytes > 0 else { return context.flush() }
        let output = state.takeOutput()
        context.write(wrapOutboundOut(output), promise: nil)
        context.flush()
        state.giveBack(output)
    }

    /// Ends the answer, and goes on with the next request or closes.
    private func finish(_ exchange: Exchange) {
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
    private func breakOff(_ exchange: Exchange) {
        guard self.exchange === exchange, phase == .answering else { return }
        close("broken_off")
    }

    /// Puts the answer to a request that is not served together.
    private func write(_ refusal: Refusal, requestID: String, _ manner: Manner, keepsAlive: Bool) {
        let problem = service.problem(refusal, requestID: requestID)
        var fields = [
            Refusal.Field("content-type", problem.contentType), .init("cache-control", "no-store"),
            .init("x-request-id", requestID),
        ]
        fields += refusal.fields
        state.output.writeBytes(AnswerHead.bytes(refusal.status, fields: fields, length: problem.bytes.count))
        writeEnd(of: &state.output, keepsAlive: keepsAlive, isOld: manner.isOld)
        if !manner.isHead { state.output.writeBytes(problem.bytes) }
    }

    /// Ends a request that has begun with a refusal, and the connection with it.
    private func refuse(_ refusal: Refusal, _ exchange: Exchange?, _ context: ChannelHandlerContext) {
        service.didRefuse(refusal, route: exchange?.terms.route, on: state)
        var manner = Manner()
        manner.isHead = exchange?.isHead ?? false
        if let exchange { end(exchange, status: refusal.status) }
        // Behind the head of an answer there is no place for another.
        if exchange?.isStreaming == true { return close("late") }
        write(refusal, requestID: exchange?.id ?? state.nextRequestID(), manner, keepsAlive: false)
        flush(context)
        linger()
    }

    private func end(_ exchange: Exchange, status: Int) {
        guard self.exchange === exchange else { return }
        self.exchange = nil
        let time = Int64(clamping: LoopState.preciseNow &- exchange.since)
        if status > 0 { state.counts.answered(route: exchange.terms.route, status: status, nanoseconds: time) }
    }

    // MARK: The end

    /// Says that nothing more comes, and lets the client read before the connection goes.
    private func linger(hasReadAll: Bool = false) {
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

    private func close(_ reason: String) {
        guard phase != .closed else { return }
        phase = .closed
        state.counts.closes[reason, default: 0] += 1
        context?.close(promise: nil)
    }

    private func leave() {
        guard context != nil else { return }
        phase = .closed
        context = nil
        input = nil
        state.remove(self)
        connections.free()
        if let exchange {
            exchange.task?.cancel()
            end(exchange, status: 0)
        }
    }

    private func hold(_ holds: Bool) {
        guard holds != isHoldingReads else { return }
        isHoldingReads = holds
        if !holds, isReadHeld {
            isReadHeld = false
            context?.read()
        }
    }

    // MARK: Deadlines

    func check(at now: UInt64) {
        guard let context, phase != .closed else { return }
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
        case .body, .closed: break
        }
    }

    /// Whether the client still takes what is written.
    private func checkUnsent(_ context: ChannelHandlerContext, _ now: UInt64) -> Bool {
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
        case .header, .body, .discarding, .answering, .lingering, .closed: break
        }
    }
}

extension HTTP1Connection {
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

    private func write(_ part: ByteBuffer, of exchange: Exchange) -> EventLoopFuture<Void> {
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
