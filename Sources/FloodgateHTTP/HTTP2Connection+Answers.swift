// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import HTTPTypes
import NIOCore
import NIOHPACK
import NIOHTTP2

extension HTTP2Connection {
    /// Writes the head of an answer, and all of it if it is there.
    /// - Returns: Where to write the parts of the body, if it comes in parts.
    func deliver(_ head: HTTPResponse, _ body: OutboundAnswer.Body, on id: HTTP2StreamID) -> (any AnswerWriter)? {
        guard let stream = streams[id], !stream.exchange.isStreaming, let context else { return nil }
        let exchange = stream.exchange
        exchange.status = head.status.code
        let isEmpty = exchange.isHead || head.status.code == 204 || head.status.code == 304
        var headers = HPACKHeaders([(":status", String(head.status.code))])
        for field in head.headerFields {
            switch field.name {
            case .connection, .contentLength, .transferEncoding, .date: continue
            default:
                let name = field.name.canonicalName
                headers.add(name: name, value: AnswerHead.clean(field.value), indexing: Self.indexing(of: name))
            }
        }
        addCommonFields(to: &headers)
        switch body {
        case .bytes(let bytes):
            if head.status.code != 204, head.status.code != 304 {
                addLength(bytes.readableBytes, to: &headers)
            }
            remove(stream, id)
            let hasBody = !isEmpty && bytes.readableBytes > 0
            write(headers, endsStream: !hasBody, on: id, context)
            if hasBody { write(bytes, endsStream: true, on: id, context) }
            flush(context)
            return nil
        case .parts, .events:
            if case .parts(let length?, _) = body { addLength(length, to: &headers) }
            if isEmpty { remove(stream, id) }
            write(headers, endsStream: isEmpty, on: id, context)
            flush(context)
            guard !isEmpty else { return nil }
            exchange.isStreaming = true
            if case .events = body {
                exchange.isEndless = true
                if case .finishing = phase {
                    // It was asked for before the server stopped, and would have no end.
                    finish(id, behind: FeedBytes.farewell.plain)
                    return nil
                }
            }
            // Parts may come for as long as they like; each has its own deadline.
            stream.deadline = .max
            return Writer(connection: NIOLoopBound(self, eventLoop: state.loop), id: id, loop: state.loop)
        }
    }

    /// Ends an answer that came in parts, with `last` for the last of them.
    func finish(_ id: HTTP2StreamID, behind last: ByteBuffer = ByteBuffer()) {
        guard let stream = streams[id], let context else { return }
        remove(stream, id)
        write(last, endsStream: true, on: id, context)
        flush(context)
    }

    /// Ends an answer that cannot be completed so that the client notices.
    func breakOff(_ id: HTTP2StreamID) {
        guard let stream = streams[id], let context else { return }
        remove(stream, id)
        reset(id, .internalError, context)
        flush(context)
    }

    /// Strikes the request off before the last frame of its answer is written, which ends the stream at once.
    private func remove(_ stream: Stream, _ id: HTTP2StreamID) {
        streams[id] = nil
        count(stream.exchange, status: stream.exchange.status)
        touch()
    }

    private func flush(_ context: ChannelHandlerContext) {
        context.flush()
        endIfDone()
    }

    /// Ends a request that has begun with a refusal; `hasAll` of it has come in, or the client is told to stop.
    func end(
        _ stream: Stream,
        _ id: HTTP2StreamID,
        with refusal: Refusal,
        hasAll: Bool,
        _ context: ChannelHandlerContext
    ) {
        let exchange = stream.exchange
        service.didRefuse(refusal, route: exchange.terms.route, requestID: exchange.id, on: state)
        streams[id] = nil
        exchange.task?.cancel()
        count(exchange, status: refusal.status)
        refuse(refusal, requestID: exchange.id, isHead: exchange.isHead, on: id, context)
        if !hasAll { stop(id, context) }
        touch()
    }

    /// Tells the client not to send the rest of a request that is answered, once it has the answer.
    func stop(_ id: HTTP2StreamID, _ context: ChannelHandlerContext) {
        // A reset throws away what still waits to be sent.
        context.flush()
        if tap.departures.isWaiting(Int(id)) { stopping.append(id) } else { reset(id, .noError, context) }
    }

    /// Does the same for those whose answers were not out yet.
    func stopAnswered(_ context: ChannelHandlerContext) {
        guard !stopping.isEmpty else { return }
        let answered = stopping.filter { !tap.departures.isWaiting(Int($0)) }
        stopping.removeAll { answered.contains($0) }
        for id in answered { reset(id, .noError, context) }
    }

    func count(_ exchange: Exchange, status: Int) {
        let time = Int64(clamping: LoopState.preciseNow &- exchange.since)
        if status > 0 { state.counts.answered(route: exchange.terms.route, status: status, nanoseconds: time) }
    }

    // MARK: Frames

    func write(_ answer: FastAnswer, isHead: Bool, on id: HTTP2StreamID, _ context: ChannelHandlerContext) {
        let prepared = answer.prepared
        var headers = prepared.headers
        addCommonFields(to: &headers)
        headers.add(name: Self.requestID, value: state.nextRequestID(), indexing: .nonIndexable)
        let hasBody = !isHead && prepared.status != 304 && prepared.body.readableBytes > 0
        write(headers, endsStream: !hasBody, on: id, context)
        if hasBody { write(prepared.body, endsStream: true, on: id, context) }
    }

    func refuse(
        _ refusal: Refusal,
        requestID: String,
        isHead: Bool,
        on id: HTTP2StreamID,
        _ context: ChannelHandlerContext
    ) {
        let problem = service.problem(refusal, requestID: requestID)
        var headers = HPACKHeaders([
            (":status", String(refusal.status)), ("content-type", problem.contentType), ("cache-control", "no-store"),
        ])
        addLength(problem.bytes.count, to: &headers)
        headers.add(name: Self.requestID, value: requestID, indexing: .nonIndexable)
        addCommonFields(to: &headers)
        for field in refusal.fields { headers.add(name: field.name, value: AnswerHead.clean(field.value)) }
        write(headers, endsStream: isHead, on: id, context)
        if !isHead { write(ByteBuffer(bytes: problem.bytes), endsStream: true, on: id, context) }
    }

    private static let requestID = "x-request-id"

    /// What no other answer has need not push out of the table what all have.
    private static func indexing(of name: String) -> HPACKIndexing {
        name == requestID || name == "ratelimit" ? .nonIndexable : .indexable
    }

    private func addLength(_ length: Int, to headers: inout HPACKHeaders) {
        headers.add(name: "content-length", value: String(length), indexing: .nonIndexable)
    }

    private func addCommonFields(to headers: inout HPACKHeaders) {
        headers.add(name: "date", value: state.dateValue)
        if peer.isSecure { headers.add(name: "strict-transport-security", value: "max-age=31536000") }
    }

    func write(_ headers: HPACKHeaders, endsStream: Bool, on id: HTTP2StreamID, _ context: ChannelHandlerContext) {
        writeFrame(.headers(.init(headers: headers, endStream: endsStream)), on: id, context)
    }

    private func write(
        _ bytes: ByteBuffer,
        endsStream: Bool,
        on id: HTTP2StreamID,
        _ context: ChannelHandlerContext,
        promise: EventLoopPromise<Void>? = nil
    ) {
        let size = bytes.readableBytes
        state.counts.bytesOut &+= size
        if size > 0 { tap.departures.expect(size, on: Int(id), at: state.now) }
        let frame = HTTP2Frame(streamID: id, payload: .data(.init(data: .byteBuffer(bytes), endStream: endsStream)))
        context.write(wrapOutboundOut(frame), promise: promise)
    }

    func reset(_ id: HTTP2StreamID, _ code: NIOHTTP2.HTTP2ErrorCode, _ context: ChannelHandlerContext) {
        writeFrame(.rstStream(code), on: id, context)
    }

    func writeFrame(_ payload: HTTP2Frame.FramePayload, on id: HTTP2StreamID, _ context: ChannelHandlerContext) {
        context.write(wrapOutboundOut(HTTP2Frame(streamID: id, payload: payload)), promise: nil)
    }

    // MARK: Parts

    /// Writes the parts of a body from the task that makes them.
    private struct Writer: AnswerWriter {
        let connection: NIOLoopBound<HTTP2Connection>
        let id: HTTP2StreamID
        let loop: any EventLoop

        func write(_ part: ByteBuffer) async throws {
            guard part.readableBytes > 0 else { return }
            try await loop.flatSubmit { connection.value.write(part, on: id) }.get()
        }
    }

    private func write(_ part: ByteBuffer, on id: HTTP2StreamID) -> EventLoopFuture<Void> {
        guard streams[id] != nil, let context else {
            return state.loop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        let promise = state.loop.makePromise(of: Void.self)
        tap.arrivals.didSendPart()
        write(part, endsStream: false, on: id, context, promise: promise)
        context.flush()
        return promise.futureResult
    }
}
