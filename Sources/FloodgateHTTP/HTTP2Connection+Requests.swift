// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOHPACK
import NIOHTTP2

extension HTTP2Connection {
    /// Bytes of bodies after which it is worth a frame to let the client send as many more.
    private static let windowStep = 32 << 10

    func receive(_ frame: HTTP2Frame.FramePayload.Headers, on id: HTTP2StreamID, _ context: ChannelHandlerContext) {
        lastStream = max(lastStream, id)
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
            if !frame.endStream { stop(id, context) }
            touch()
        case .refuse(let refusal, let route):
            service.didRefuse(refusal, route: route, on: state)
            refuse(refusal, requestID: state.nextRequestID(), isHead: isHead, on: id, context)
            if let route { state.counts.answered(route: route, status: refusal.status, nanoseconds: nil) }
            if !frame.endStream { stop(id, context) }
            touch()
        case .serve:
            guard let exchange else { return }
            if exchange.terms.caller != nil { slot.didShowItself() }
            begin(exchange, endsStream: frame.endStream, on: id, context)
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

    private func begin(
        _ exchange: Exchange,
        endsStream: Bool,
        on id: HTTP2StreamID,
        _ context: ChannelHandlerContext
    ) {
        let stream = Stream(exchange)
        streams[id] = stream
        exchange.bodySince = state.now
        if case .length(let length) = exchange.framing, length > exchange.terms.bodyLimit {
            end(stream, id, with: .bodyTooLarge, hasAll: endsStream, context)
        } else if endsStream {
            complete(stream, id, context)
        } else if exchange.awaitsContinue {
            write(HPACKHeaders([(":status", "100")]), endsStream: false, on: id, context)
        }
    }

    func receive(_ frame: HTTP2Frame.FramePayload.Data, on id: HTTP2StreamID, _ context: ChannelHandlerContext) {
        guard case .byteBuffer(let bytes) = frame.data, let stream = streams[id], !stream.isAnswering else { return }
        state.counts.bytesIn &+= bytes.readableBytes
        do throws(Refusal) {
            try stream.exchange.append(bytes)
            guard !frame.endStream else { return complete(stream, id, context) }
            stream.consumed += bytes.readableBytes + (frame.paddingBytes.map { $0 + 1 } ?? 0)
            guard stream.consumed >= Self.windowStep else { return }
            writeFrame(.windowUpdate(windowSizeIncrement: stream.consumed), on: id, context)
            stream.consumed = 0
        } catch { end(stream, id, with: error, hasAll: frame.endStream, context) }
    }

    /// Lets the client send as much again as came in on all streams, those included that nobody reads any more.
    func acknowledge(_ context: ChannelHandlerContext) {
        let consumed = tap.arrivals.consumed
        guard consumed >= Self.windowStep, isServing else { return }
        writeFrame(.windowUpdate(windowSizeIncrement: consumed), on: .rootStream, context)
        tap.arrivals.didAcknowledge()
    }

    func complete(_ stream: Stream, _ id: HTTP2StreamID, _ context: ChannelHandlerContext) {
        guard !stream.isAnswering else { return }
        stream.isAnswering = true
        let exchange = stream.exchange
        stream.deadline = state.now &+ exchange.terms.timeout.nanoseconds
        let request = exchange.whole(from: peer, over: context.channel)
        let bound = NIOLoopBound(self, eventLoop: state.loop)
        let turn = service.enter(request.terms) { [loop = state.loop] turn in
            loop.execute { bound.value.work(on: request, turn, id) }
        }
        if turn != .later { work(on: request, turn, id) }
    }

    private func work(on request: InboundRequest, _ turn: Turn, _ id: HTTP2StreamID) {
        guard let stream = streams[id] else {
            if turn == .now { service.leave(request.terms) }
            return
        }
        guard turn == .now else {
            let answer = service.refused(request)
            _ = deliver(answer.head, answer.body, on: id)
            return
        }
        var request = request
        request.startedAt = LoopState.preciseNow
        let (service, loop) = (service, state.loop)
        let bound = NIOLoopBound(self, eventLoop: loop)
        stream.exchange.task = Task(executorPreference: state.executor, priority: request.terms.priority) { [request] in
            let answer = await service.answer(request)
            let writer = try? await loop.submit { bound.value.deliver(answer.head, answer.body, on: id) }.get()
            guard let writer else { return }
            let produce: @Sendable (any AnswerWriter) async throws -> Void
            switch answer.body {
            case .bytes: return
            case .parts(_, let make): produce = make
            case .events(let terms): produce = { try await terms.write(to: $0) }
            }
            do {
                try await produce(writer)
                loop.execute { bound.value.finish(id) }
            } catch {
                loop.execute { bound.value.breakOff(id) }
            }
        }
    }
}
