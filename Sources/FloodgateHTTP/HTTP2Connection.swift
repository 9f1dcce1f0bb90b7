// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore
import NIOHPACK
import NIOHTTP2

/// One HTTP/2 connection behind NIO's frame handler: many requests at once, each under the limits and deadlines that
/// one of HTTP/1 has.
///
/// Streams are entries of a table here, not channels of their own, which is what makes prepared answers cheap.
final class HTTP2Connection: ChannelInboundHandler, LoopConnection {
    typealias InboundIn = HTTP2Frame
    typealias InboundOut = Never
    typealias OutboundOut = HTTP2Frame

    var place = -1
    private let state: LoopState
    private let service: any FrontService
    private let limits: HTTPLimits
    private let slot: ConnectionLimiter.Slot
    private let peer: Peer
    private var context: ChannelHandlerContext?
    private var streams: [HTTP2StreamID: Stream] = [:]
    /// Bytes of bodies that came in since the client was last told that it may send more.
    private var consumed = 0
    private var lastStream = HTTP2StreamID(0)
    private var idleDeadline: UInt64
    private var isDraining = false
    private var isClosed = false
    private var unsent = 0
    private var unsentSince: UInt64 = 0
    private let farewell = Farewell()
    /// Parts of bodies that the client has not let out yet, and since when none went out.
    private var waitingWrites = 0
    private var waitingSince: UInt64 = 0

    /// A stream and what is known of its request.
    private final class Stream {
        let exchange: Exchange
        var deadline: UInt64
        var isAnswering = false
        var consumed = 0

        init(_ exchange: Exchange, deadline: UInt64) {
            self.exchange = exchange
            self.deadline = deadline
        }
    }

    /// Serves `peer`; a first request must have come by `deadline`, which without one is counted from now on.
    init(
        state: LoopState,
        service: any FrontService,
        peer: Peer,
        slot: ConnectionLimiter.Slot,
        deadline: UInt64?
    ) {
        self.state = state
        self.service = service
        self.peer = peer
        self.slot = slot
        limits = state.limits
        idleDeadline = deadline ?? state.now &+ limits.headerTimeout.nanoseconds
    }

    /// Adds what an HTTP/2 connection needs to the pipeline.
    static func add(to channel: any Channel, _ connection: HTTP2Connection) throws {
        let limits = connection.limits
        let settings = [
            HTTP2Setting(parameter: .maxConcurrentStreams, value: limits.streams),
            HTTP2Setting(parameter: .maxHeaderListSize, value: limits.headerSection),
        ]
        let frames = NIOHTTP2Handler(mode: .server, initialSettings: settings)
        try channel.pipeline.syncOperations.addHandlers([connection.farewell, frames, connection])
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

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The frame handler has reset the stream where only that was wrong, and else said GOAWAY.
        guard farewell.wasSaid || !context.channel.isActive else { return }
        context.flush()
        close("protocol")
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let event as StreamClosedEvent: forget(event.streamID)
        case ChannelEvent.inputClosed: close("client")
        default: break
        }
        context.fireUserInboundEventTriggered(event)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        switch frame.payload {
        case .headers(let headers) where streams[frame.streamID] == nil:
            receive(headers, on: frame.streamID, context)
        case .headers(let trailers):
            if trailers.endStream, let stream = streams[frame.streamID] { complete(stream, frame.streamID, context) }
        case .data(let data): receive(data, on: frame.streamID, context)
        case .rstStream: forget(frame.streamID)
        default: break
        }
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        context.flush()
        context.fireChannelReadComplete()
    }

    // MARK: Requests

    private func receive(
        _ frame: HTTP2Frame.FramePayload.Headers,
        on id: HTTP2StreamID,
        _ context: ChannelHandlerContext
    ) {
        lastStream = max(lastStream, id)
        guard !isDraining else { return reset(id, .refusedStream, context) }
        var isHead = false
        let verdict: FrontVerdict
        var exchange: Exchange?
        do throws(Refusal) {
            verdict = try state.heads.read(frame.headers, endsStream: frame.endStream) { head in
                isHead = head.method == .head
                let verdict = service.receive(head, from: peer, on: state)
                if case .serve(let terms) = verdict { exchange = makeExchange(head, terms) }
                return verdict
            }
        } catch { verdict = .refuse(error, route: nil) }
        switch verdict {
        case .fast(let answer, let route):
            if answer.isForKnown { slot.didShowItself() }
            write(answer, isHead: isHead, on: id, context)
            state.counts.answered(route: route, status: answer.prepared.status, nanoseconds: nil)
            if !frame.endStream { reset(id, .noError, context) }
            touch()
        case .refuse(let refusal, let route):
            service.didRefuse(refusal, route: route, on: state)
            refuse(refusal, requestID: state.nextRequestID(), isHead: isHead, on: id, context)
            if !frame.endStream { reset(id, .noError, context) }
            touch()
        case .serve:
            guard let exchange else { return }
            if exchange.terms.caller != nil { slot.didShowItself() }
            if case .length(let length) = exchange.framing, length > exchange.terms.bodyLimit {
                service.didRefuse(.bodyTooLarge, route: exchange.terms.route, on: state)
                end(exchange, status: 413)
                refuse(.bodyTooLarge, requestID: exchange.id, isHead: isHead, on: id, context)
                if !frame.endStream { reset(id, .noError, context) }
                return
            }
            let stream = Stream(exchange, deadline: .max)
            streams[id] = stream
            exchange.bodySince = state.now
            if frame.endStream {
                complete(stream, id, context)
            } else if exchange.awaitsContinue {
                write(HPACKHeaders([(":status", "100")]), endsStream: false, on: id, context)
            }
        }
    }

    private func makeExchange(_ head: RequestHead, _ terms: RequestTerms) -> Exchange {
        var length = 0
        if case .length(let announced) = head.framing { length = announced }
        return Exchange(
            head: head.request(scheme: peer.isSecure ? "https" : "http"),
            id: state.nextRequestID(),
            terms: terms,
            framing: head.framing,
            bodyLength: length,
            keepsAlive: true,
            isOld: false,
            awaitsContinue: head.expectsContinue,
            limits: limits
        )
    }

    private func receive(_ frame: HTTP2Frame.FramePayload.Data, on id: HTTP2StreamID, _ context: ChannelHandlerContext)
    {
        guard case .byteBuffer(let bytes) = frame.data else { return }
        let size = bytes.readableBytes + (frame.paddingBytes.map { $0 + 1 } ?? 0)
        acknowledge(size, id, frame.endStream, context)
        guard let stream = streams[id], !stream.isAnswering else { return }
        state.counts.bytesIn &+= bytes.readableBytes
        do throws(Refusal) {
            try stream.exchange.append(bytes)
            if frame.endStream { complete(stream, id, context) }
        } catch {
            let exchange = stream.exchange
            service.didRefuse(error, route: exchange.terms.route, on: state)
            streams[id] = nil
            end(exchange, status: error.status)
            refuse(error, requestID: exchange.id, isHead: exchange.isHead, on: id, context)
            if !frame.endStream { reset(id, .noError, context) }
        }
    }

    /// Lets the client send as much again as came in, once it is worth a frame.
    private func acknowledge(_ size: Int, _ id: HTTP2StreamID, _ isLast: Bool, _ context: ChannelHandlerContext) {
        let step = 32 << 10
        consumed += size
        if consumed >= step {
            writeFrame(.windowUpdate(windowSizeIncrement: consumed), on: .rootStream, context)
            consumed = 0
        }
        guard !isLast, let stream = streams[id] else { return }
        stream.consumed += size
        if stream.consumed >= step {
            writeFrame(.windowUpdate(windowSizeIncrement: stream.consumed), on: id, context)
            stream.consumed = 0
        }
    }

    private func complete(_ stream: Stream, _ id: HTTP2StreamID, _ context: ChannelHandlerContext) {
        guard !stream.isAnswering else { return }
        stream.isAnswering = true
        let exchange = stream.exchange
        stream.deadline = state.now &+ exchange.terms.timeout.nanoseconds
        let request = InboundRequest(
            head: exchange.head,
            body: exchange.takeBody(),
            id: exchange.id,
            peer: peer,
            terms: exchange.terms,
            channel: context.channel,
            lease: exchange.lease
        )
        let (service, loop) = (service, state.loop)
        let bound = NIOLoopBound(self, eventLoop: loop)
        exchange.task = Task {
            let answer = await service.answer(request)
            let writer = try? await loop.submit { bound.value.deliver(answer.head, answer.body, on: id) }.get()
            guard case .parts(_, let produce) = answer.body, let writer else { return }
            do {
                try await produce(writer)
                loop.execute { bound.value.finish(id) }
            } catch {
                loop.execute { bound.value.breakOff(id) }
            }
        }
    }

    // MARK: Answers

    private func deliver(_ head: HTTPResponse, _ body: OutboundAnswer.Body, on id: HTTP2StreamID) -> (any AnswerWriter)?
    {
        guard let stream = streams[id], !stream.exchange.isStreaming, let context else { return nil }
        let exchange = stream.exchange
        exchange.status = head.status.code
        let isEmpty = exchange.isHead || head.status.code == 204 || head.status.code == 304
        var headers = HPACKHeaders([(":status", String(head.status.code))])
        for field in head.headerFields {
            switch field.name {
            case .connection, .contentLength, .transferEncoding, .date: continue
            default: headers.add(name: field.name.canonicalName, value: AnswerHead.clean(field.value))
            }
        }
        headers.add(name: "date", value: state.dateValue)
        switch body {
        case .bytes(let bytes):
            if head.status.code != 204, head.status.code != 304 {
                headers.add(name: "content-length", value: String(bytes.readableBytes))
            }
            let hasBody = !isEmpty && bytes.readableBytes > 0
            write(headers, endsStream: !hasBody, on: id, context)
            if hasBody { write(bytes, endsStream: true, on: id, context) }
            context.flush()
            over(id, exchange)
            return nil
        case .parts(let length, _):
            if let length { headers.add(name: "content-length", value: String(length)) }
            write(headers, endsStream: isEmpty, on: id, context)
            context.flush()
            if isEmpty {
                over(id, exchange)
                return nil
            }
            exchange.isStreaming = true
            stream.deadline = .max
            return Writer(connection: NIOLoopBound(self, eventLoop: state.loop), id: id, loop: state.loop)
        }
    }

    private func finish(_ id: HTTP2StreamID) {
        guard let stream = streams[id], let context else { return }
        write(ByteBuffer(), endsStream: true, on: id, context)
        context.flush()
        over(id, stream.exchange)
    }

    private func breakOff(_ id: HTTP2StreamID) {
        guard let stream = streams[id], let context else { return }
        over(id, stream.exchange)
        reset(id, .internalError, context)
        context.flush()
    }

    private func over(_ id: HTTP2StreamID, _ exchange: Exchange) {
        streams[id] = nil
        end(exchange, status: exchange.status)
        touch()
        if isDraining, streams.isEmpty { closeBehindAnswers() }
    }

    private func end(_ exchange: Exchange, status: Int) {
        let time = Int64(clamping: LoopState.preciseNow &- exchange.since)
        if status > 0 { state.counts.answered(route: exchange.terms.route, status: status, nanoseconds: time) }
    }

    private func write(_ answer: FastAnswer, isHead: Bool, on id: HTTP2StreamID, _ context: ChannelHandlerContext) {
        let prepared = answer.prepared
        var headers = prepared.headers
        headers.add(name: "date", value: state.dateValue)
        headers.add(name: "x-request-id", value: state.nextRequestID())
        let hasBody = !isHead && prepared.status != 304 && prepared.body.readableBytes > 0
        write(headers, endsStream: !hasBody, on: id, context)
        if hasBody { write(prepared.body, endsStream: true, on: id, context) }
    }

    private func refuse(
        _ refusal: Refusal,
        requestID: String,
        isHead: Bool,
        on id: HTTP2StreamID,
        _ context: ChannelHandlerContext
    ) {
        let problem = service.problem(refusal, requestID: requestID)
        var headers = HPACKHeaders([
            (":status", String(refusal.status)), ("content-type", problem.contentType), ("cache-control", "no-store"),
            ("content-length", String(problem.bytes.count)), ("date", state.dateValue), ("x-request-id", requestID),
        ])
        for field in refusal.fields { headers.add(name: field.name, value: AnswerHead.clean(field.value)) }
        write(headers, endsStream: isHead, on: id, context)
        if !isHead { write(ByteBuffer(bytes: problem.bytes), endsStream: true, on: id, context) }
        context.flush()
    }

    private func write(
        _ headers: HPACKHeaders,
        endsStream: Bool,
        on id: HTTP2StreamID,
        _ context: ChannelHandlerContext
    ) {
        writeFrame(.headers(.init(headers: headers, endStream: endsStream)), on: id, context)
    }

    private func write(_ bytes: ByteBuffer, endsStream: Bool, on id: HTTP2StreamID, _ context: ChannelHandlerContext) {
        state.counts.bytesOut &+= bytes.readableBytes
        let frame = HTTP2Frame(streamID: id, payload: .data(.init(data: .byteBuffer(bytes), endStream: endsStream)))
        context.write(wrapOutboundOut(frame), promise: watchedPromise())
    }

    /// A promise that tells whether the client takes what is written.
    private func watchedPromise() -> EventLoopPromise<Void> {
        if waitingWrites == 0 { waitingSince = state.now }
        waitingWrites += 1
        let promise = state.loop.makePromise(of: Void.self)
        let bound = NIOLoopBound(self, eventLoop: state.loop)
        promise.futureResult.whenComplete { result in
            let connection = bound.value
            connection.waitingWrites -= 1
            if case .success = result { connection.waitingSince = connection.state.now }
        }
        return promise
    }

    private func reset(_ id: HTTP2StreamID, _ code: NIOHTTP2.HTTP2ErrorCode, _ context: ChannelHandlerContext) {
        writeFrame(.rstStream(code), on: id, context)
    }

    private func writeFrame(_ payload: HTTP2Frame.FramePayload, on id: HTTP2StreamID, _ context: ChannelHandlerContext)
    {
        context.write(wrapOutboundOut(HTTP2Frame(streamID: id, payload: payload)), promise: nil)
    }

    // MARK: Deadlines and the end

    private func touch() { idleDeadline = state.now &+ limits.idleTimeout.nanoseconds }

    func check(at now: UInt64) {
        guard let context, !isClosed else { return }
        let left = (try? context.channel.syncOptions?.getOption(.bufferedWritableBytes)) ?? 0
        if left == 0 || left != unsent || unsentSince == 0 {
            unsent = left
            unsentSince = now
        } else if now &- unsentSince >= limits.writeTimeout.nanoseconds {
            return close("write_timeout")
        }
        if waitingWrites > 0, now &- waitingSince >= limits.writeTimeout.nanoseconds {
            return goAway(context, "write_timeout")
        }
        if streams.isEmpty {
            if now >= idleDeadline { goAway(context, "idle") }
            return
        }
        for (id, stream) in streams {
            let exchange = stream.exchange
            if !stream.isAnswering, exchange.isTooSlow(at: now, limits) {
                late(.slowBody, id, exchange, context)
            } else if now >= stream.deadline {
                exchange.task?.cancel()
                late(exchange.terms.lateness, id, exchange, context)
            }
        }
    }

    private func late(_ refusal: Refusal, _ id: HTTP2StreamID, _ exchange: Exchange, _ context: ChannelHandlerContext) {
        service.didRefuse(refusal, route: exchange.terms.route, on: state)
        streams[id] = nil
        end(exchange, status: refusal.status)
        refuse(refusal, requestID: exchange.id, isHead: exchange.isHead, on: id, context)
        reset(id, .noError, context)
        context.flush()
        touch()
    }

    func abandon() { close("drain") }

    func drain() {
        guard !isDraining, let context else { return }
        isDraining = true
        writeFrame(
            .goAway(lastStreamID: lastStream, errorCode: .noError, opaqueData: nil),
            on: .rootStream,
            context
        )
        context.flush()
        if streams.isEmpty { closeBehindAnswers() }
    }

    private func goAway(_ context: ChannelHandlerContext, _ reason: String) {
        writeFrame(.goAway(lastStreamID: lastStream, errorCode: .noError, opaqueData: nil), on: .rootStream, context)
        context.flush()
        close(reason)
    }

    /// Closes once everything that was written is out.
    private func closeBehindAnswers() {
        guard let context else { return }
        let bound = NIOLoopBound(self, eventLoop: state.loop)
        context.channel.eventLoop.scheduleTask(in: .milliseconds(50)) { bound.value.close("drain") }
    }

    private func close(_ reason: String) {
        guard !isClosed else { return }
        isClosed = true
        state.counts.closes[reason, default: 0] += 1
        context?.close(promise: nil)
    }

    private func forget(_ id: HTTP2StreamID) {
        guard let stream = streams.removeValue(forKey: id) else { return }
        stream.exchange.task?.cancel()
        end(stream.exchange, status: 0)
        touch()
    }

    private func leave() {
        guard context != nil else { return }
        isClosed = true
        context = nil
        state.remove(self)
        slot.free()
        for id in Array(streams.keys) { forget(id) }
    }
}

extension HTTP2Connection {
    /// Writes the parts of a body from the task that makes them.
    private struct Writer: AnswerWriter {
        let connection: NIOLoopBound<HTTP2Connection>
        let id: HTTP2StreamID
        let loop: any EventLoop

        func write(_ part: ByteBuffer) async throws {
            guard part.readableBytes > 0 else { return }
            try await loop.flatSubmit { connection.value.writePart(part, on: id) }.get()
        }
    }

    private func writePart(_ part: ByteBuffer, on id: HTTP2StreamID) -> EventLoopFuture<Void> {
        guard streams[id] != nil, let context else {
            return state.loop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        state.counts.bytesOut &+= part.readableBytes
        let promise = watchedPromise()
        let frame = HTTP2Frame(streamID: id, payload: .data(.init(data: .byteBuffer(part))))
        context.writeAndFlush(wrapOutboundOut(frame), promise: promise)
        return promise.futureResult
    }
}
