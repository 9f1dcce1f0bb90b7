// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore

extension HTTP1Connection {
    /// Goes on with what lies in `input`, as far as it reaches.
    func work(_ context: ChannelHandlerContext) {
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
            if isSlowedDown, phase == .idle { break loop }
            switch phase {
            case .idle, .header:
                // Answers that the client does not take stop the requests behind them.
                guard context.channel.isWritable else { break loop }
                guard readHead(context, &wrote) else { break loop }
            case .body:
                guard readBody(context) else { break loop }
            case .discarding: discard()
            case .answering, .streaming, .lingering, .closed: break loop
            }
        }
        if wrote, phase != .closed { flush(context) }
        if input?.readableBytes == 0 { input = nil }
        hold(input.map { phase == .answering && $0.readableBytes > limits.pipelined } ?? false)
        if let context = self.context, phase == .idle || phase == .header {
            hold(!context.channel.isWritable || isSlowedDown)
        }
    }

    private enum Step {
        case incomplete
        case fast(FastAnswer, route: Int, Manner)
        case serve(RequestTerms, Exchange, length: Int)
        case refuse(Refusal, route: Int?, Manner)
    }

    /// What of a head decides how it is answered and what follows.
    struct Manner {
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
            if answer.isForKnown { connections.didShowItself() }
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
            if refusal.slowsDown, goesOn(manner) { isSlowedDown = state.mustWait(self) }
            return proceed(behind: manner, &wrote, context)
        }
    }

    func goesOn(_ manner: Manner) -> Bool { manner.bodyToSkip != nil && !isDraining }

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

    func becomeIdle() -> Bool {
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
        let request = exchange.whole(from: peer, over: context.channel)
        let bound = NIOLoopBound(self, eventLoop: state.loop)
        let boundExchange = NIOLoopBound(exchange, eventLoop: state.loop)
        let turn = service.enter(request.terms) { [loop = state.loop] turn in
            loop.execute { bound.value.work(on: request, turn, of: boundExchange.value) }
        }
        if turn != .later { work(on: request, turn, of: exchange) }
    }

    private func work(on request: InboundRequest, _ turn: Turn, of exchange: Exchange) {
        guard self.exchange === exchange, phase == .answering else {
            if turn == .now { service.leave(request.terms) }
            return
        }
        guard turn == .now else {
            let answer = service.refused(request)
            isSlowedDown = state.mustWait(self)
            _ = deliver(answer.head, answer.body, of: exchange)
            return
        }
        var request = request
        request.startedAt = LoopState.preciseNow
        let (service, loop) = (service, state.loop)
        let bound = NIOLoopBound(self, eventLoop: loop)
        let boundExchange = NIOLoopBound(exchange, eventLoop: loop)
        // Requests behind this one would be worked on from within it.
        if (input?.readableBytes ?? 0) == 0, state.takesMore {
            let answer = service.answerAtOnce(request)
            let isBegun =
                answer == nil
                && service.begin(request, on: loop) { answer in
                    _ = bound.value.deliver(answer.head, answer.body, of: boundExchange.value)
                }
            state.spend(LoopState.preciseNow &- request.startedAt)
            if let answer { _ = deliver(answer.head, answer.body, of: exchange) }
            if answer != nil || isBegun { return }
        }
        exchange.task = Task(executorPreference: state.executor, priority: request.terms.priority) { [request] in
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
}
