// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import HTTPTypes
package import NIOCore
package import NIOPosix

/// Takes requests through the front door without a connection: the same head, the same decisions, the same answers.
package struct Rehearsal: Sendable {
    private let service: any FrontService
    private let loop: any EventLoop
    private let state: NIOLoopBound<LoopState>

    /// Rehearses in front of `service`, within `limits`, on a loop of `group`.
    package init(
        _ service: any FrontService,
        limits: HTTPLimits = HTTPLimits(),
        group: MultiThreadedEventLoopGroup = .singleton
    ) async throws {
        self.service = service
        let loop = group.next()
        self.loop = loop
        state = try await loop.submit {
            NIOLoopBound(LoopState(index: 0, loop: loop, limits: limits), eventLoop: loop)
        }.get()
    }

    private enum Outcome: Sendable {
        case ready(HTTPResponse, ByteBuffer)
        case serve(InboundRequest)
    }

    /// The answer to a request with all of its body; what HTTP/1.1 would refuse is refused.
    ///
    /// `channel` is what the service is told that the request came over.
    package func reply(
        to head: HTTPRequest,
        body: ByteBuffer = ByteBuffer(),
        over channel: any Channel
    ) async throws -> OutboundAnswer {
        let (service, state) = (service, state)
        let text = Self.text(head, bodyLength: body.readableBytes)
        let outcome = try await loop.submit { () -> Outcome in
            let state = state.value
            let bytes = Array(text.utf8)
            return bytes.withUnsafeBytes { bytes in
                do throws(Refusal) {
                    let head = try state.scanner.read(bytes)
                    let peer = Peer(address: channel.remoteAddress, isSecure: false)
                    switch service.receive(head, from: peer, on: state) {
                    case .fast(let answer, _):
                        return Self.ready(answer.prepared, isHead: head.method == .head)
                    case .refuse(let refusal, let route): return refused(refusal, route, state)
                    case .serve(let terms):
                        guard body.readableBytes <= terms.bodyLimit else { throw .bodyTooLarge }
                        return .serve(
                            InboundRequest(
                                head: head.request(scheme: "http"),
                                body: body,
                                id: state.nextRequestID(),
                                peer: peer,
                                terms: terms,
                                channel: channel,
                                lease: nil
                            )
                        )
                    }
                } catch { return refused(error, nil, state) }
            }
        }.get()
        switch outcome {
        case .ready(let head, let body): return OutboundAnswer(head, .bytes(body))
        case .serve(var request):
            let turns = AsyncStream.makeStream(of: Turn.self)
            var turn = service.enter(request.terms) { turns.continuation.yield($0) }
            if turn == .later { for await told in turns.stream.prefix(1) { turn = told } }
            guard turn == .now else { return service.refused(request) }
            request.startedAt = MonotonicClock.now
            if let answer = service.answerAtOnce(request) { return answer }
            let answers = AsyncStream.makeStream(of: OutboundAnswer.self)
            let isBegun = try await loop.submit { [request, loop] in
                service.begin(request, on: loop) { answers.continuation.yield($0) }
            }.get()
            if isBegun { for await answer in answers.stream { return answer } }
            return await service.answer(request)
        }
    }

    private func refused(_ refusal: Refusal, _ route: Int?, _ state: LoopState) -> Outcome {
        service.didRefuse(refusal, route: route, on: state)
        let id = state.nextRequestID()
        let problem = service.problem(refusal, requestID: id)
        var head = HTTPResponse(status: .init(code: refusal.status))
        let fields: [Refusal.Field] = [
            .init("content-type", problem.contentType), .init("cache-control", "no-store"), .init("x-request-id", id),
            .init("content-length", String(problem.bytes.count)),
        ]
        for field in fields + refusal.fields {
            if let name = HTTPField.Name(field.name) { head.headerFields[name] = field.value }
        }
        return .ready(head, ByteBuffer(bytes: problem.bytes))
    }

    private static func ready(_ answer: ReadyAnswer, isHead: Bool) -> Outcome {
        var head = HTTPResponse(status: .init(code: answer.status))
        for field in answer.fields {
            if let name = HTTPField.Name(field.name) { head.headerFields[name] = field.value }
        }
        if answer.status != 304, answer.status != 204 {
            head.headerFields[.contentLength] = String(answer.body.readableBytes)
        }
        return .ready(head, isHead ? ByteBuffer() : answer.body)
    }

    private static func text(_ head: HTTPRequest, bodyLength: Int) -> String {
        var text = "\(head.method.rawValue) \(head.path ?? "/") HTTP/1.1\r\nhost: \(head.authority ?? "localhost")\r\n"
        for field in head.headerFields where field.name != .contentLength && field.name.canonicalName != "host" {
            text += "\(field.name.rawName): \(field.value)\r\n"
        }
        if let announced = head.headerFields[.contentLength] ?? (bodyLength > 0 ? String(bodyLength) : nil) {
            text += "content-length: \(announced)\r\n"
        }
        return text + "\r\n"
    }
}
