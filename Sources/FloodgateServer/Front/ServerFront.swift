// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
package import FloodgateHTTP
import FloodgateJSON
import HTTPTypes
import Hummingbird
import Logging
import NIOCore
import Synchronization

/// What stands behind the front door: decides on every request by its head, answers what is ready, and gives the rest
/// to the routes.
package struct ServerFront: FrontService {
    let table: RouteTable
    let responder: RouterResponder<ServerContext>
    let settings: ServerSettings
    let ring: KeyRing
    let answers: ConfigAnswersBoard
    let idLists: IDListBoard
    let fleet: Fleet
    let now: @Sendable () -> Int64
    let probes: Probes
    let guards: Guards
    let metrics: ServerMetrics
    let clients: ClientRoutes
    let batches: BatchRoutes
    let log: AccessLog
    let logger: Logger

    // MARK: The head

    package func receive(_ head: RequestHead, from peer: Peer, on loop: LoopState) -> FrontVerdict {
        let path = path(of: head)
        let lane = lane(of: loop)
        if let (answer, route) = lane.answer(head, path: path, at: loop.now) {
            if let (seen, environment) = lane.takeSighting() {
                var sighting = seen
                if sighting.name.isEmpty {
                    sighting.name = head.clientAddress(from: peer, trusting: settings.trustedProxies)?.text ?? ""
                }
                fleet.see(sighting, of: environment, at: now())
            }
            didAnswer(answer, to: head, route: route, peer, lane, loop)
            return .fast(answer, route: route)
        }
        guard let index = table.match(path) else {
            willRefuse(head, peer, lane)
            return .refuse(Refusal(404, "not_found", "There is no such route"), route: nil)
        }
        if head.method == .options, table.routes[index].allowsBrowsers {
            let answer = FastAnswer(AllowBrowsers.preflight)
            didAnswer(answer, to: head, route: index, peer, lane, loop)
            return .fast(answer, route: index)
        }
        do throws(Refusal) {
            return .serve(try admit(head, table.routes[index], index, peer, lane, loop))
        } catch {
            willRefuse(head, peer, lane)
            var refusal = error
            if table.routes[index].allowsBrowsers, head.first("origin") != nil {
                refusal.fields.append(.init("access-control-allow-origin", "*"))
                refusal.fields.append(.init("access-control-expose-headers", AllowBrowsers.readable))
            }
            return .refuse(refusal, route: index)
        }
    }

    /// The path without the prefix that the server is mounted under.
    private func path(of head: RequestHead) -> UnsafeRawBufferPointer {
        let prefix = settings.pathPrefix.utf8
        let path = head.path
        guard !prefix.isEmpty, path.starts(with: prefix) else { return path }
        let rest = UnsafeRawBufferPointer(rebasing: path.dropFirst(prefix.count))
        return rest.first == UInt8(ascii: "/") ? rest : rest.isEmpty ? Self.root : path
    }

    private static var root: UnsafeRawBufferPointer {
        UnsafeRawBufferPointer(start: ("/" as StaticString).utf8Start, count: 1)
    }

    func lane(of loop: LoopState) -> FastLane {
        if let lane = loop.attachment as? FastLane { return lane }
        let lane = FastLane(ring: ring, board: answers, lists: idLists, probes: probes, table: table)
        loop.attachment = lane
        return lane
    }

    private func admit(
        _ head: RequestHead,
        _ route: Route,
        _ index: Int,
        _ peer: Peer,
        _ lane: FastLane,
        _ loop: LoopState
    ) throws(Refusal) -> RequestTerms {
        guard route.allowed.contains(head.method) else {
            let list = route.allowed.map(\.name).sorted().joined(separator: ", ")
            throw Refusal(405, "method_not_allowed", "This route takes \(list)", fields: [.init("allow", list)])
        }
        let address = head.clientAddress(from: peer, trusting: settings.trustedProxies)
        let caller = try authenticate(head, route, address, lane, loop)
        try checkBody(head, route)
        let shedClass = route.shedClass(for: caller?.kind)
        let fields = try guards.check(
            route,
            shedClass,
            caller: caller,
            changes: head.method != .get && !route.evaluates,
            body: head.announcedLength,
            at: loop.now
        )
        return terms(route, index, shedClass, fields: fields, caller: caller)
    }

    private func terms(
        _ route: Route,
        _ index: Int,
        _ shedClass: Route.ShedClass,
        fields: [Refusal.Field],
        caller: SDKKey?
    ) -> RequestTerms {
        RequestTerms(
            route: index,
            bodyLimit: route.body.limit,
            timeout: route.timeout,
            lateness: Refusal(
                route.isNative ? 504 : 503,
                "late",
                "The answer took too long; try again",
                fields: [.init("retry-after", "1")]
            ),
            fields: fields,
            caller: caller,
            bodies: guards.bodies,
            // The kill switch does not stand in line behind pages and evaluations.
            priority: shedClass == .vital ? .high : nil
        )
    }

    // MARK: Keys

    private func authenticate(
        _ head: RequestHead,
        _ route: Route,
        _ address: ClientAddress?,
        _ lane: FastLane,
        _ loop: LoopState
    ) throws(Refusal) -> SDKKey? {
        guard case .keys(let kinds, let unknownStatus) = route.access else { return nil }
        let challenge = [Refusal.Field("www-authenticate", route.keyChallenge)]
        guard let text = keyText(of: head, route) else {
            metrics.refusedKey("missing")
            try guards.strike(address, at: loop.now)
            throw Refusal(401, "key_missing", route.keyAdvice, fields: challenge)
        }
        let key = text.withUTF8Bytes { lane.key($0) }
        // Nobody knows which keys are good: an upstream that does not answer is no reason to call one bad (EDGE-3).
        if key == nil, ring.version == 0 {
            let advice = Refusal.Field("retry-after", "1")
            throw Refusal(503, "starting", "There is nothing to serve yet; try again", fields: [advice])
        }
        guard let key else {
            metrics.refusedKey("unknown")
            try guards.strike(address, at: loop.now)
            throw Refusal(
                unknownStatus,
                "key_unknown",
                "The SDK key is not known here, was revoked or has expired",
                fields: unknownStatus == 401 ? challenge : []
            )
        }
        guard kinds.contains(key.kind) else {
            metrics.refusedKey("kind")
            let wanted = kinds.map(\.rawValue).sorted().joined(separator: " or ")
            throw Refusal(
                403,
                "forbidden",
                "Forbidden resource: this route takes a \(wanted) key, not a \(key.kind.rawValue) key"
            )
        }
        return key
    }

    /// The first of header, query and last part of the path that is there; native routes take headers alone.
    private func keyText(of head: RequestHead, _ route: Route) -> String? {
        if let header = head.statsigKey, !header.isEmpty { return String(decoding: header, as: UTF8.self) }
        if route.takesOpenFeatureKeys, let text = head.openFeatureKeyText { return text }
        guard !route.isNative else { return nil }
        for pair in String(decoding: head.query, as: UTF8.self).split(separator: "&") where pair.hasPrefix("k=") {
            let text = PercentEncoding.decode(String(pair.dropFirst(2)))
            if !text.isEmpty { return text }
        }
        guard route.path.hasSuffix("/{key}") else { return nil }
        let last = String(decoding: head.path, as: UTF8.self).split(separator: "/").last.map(String.init) ?? ""
        var text = PercentEncoding.decode(last)
        for suffix in [".json", ".js"] where text.hasSuffix(suffix) {
            text.removeLast(suffix.count)
            break
        }
        return text.isEmpty ? nil : text
    }

    // MARK: What the body says of itself

    private func checkBody(_ head: RequestHead, _ route: Route) throws(Refusal) {
        guard head.framing != .none else { return }
        // Before any question of room: what is too long today is too long tomorrow.
        if let length = head.announcedLength, length > route.body.limit { throw .bodyTooLarge }
        if let type = head.contentType, !type.isEmpty, head.method != .get {
            let media = type.prefix { $0 != UInt8(ascii: ";") && $0 != UInt8(ascii: " ") }
            let text = String(decoding: media, as: UTF8.self).lowercased()
            guard route.body.types.contains(where: { $0.text == text }) else {
                throw Refusal(415, "unsupported_media_type", "This route does not take this content type")
            }
        }
        guard let coding = head.contentEncoding, !coding.isEmpty else { return }
        let text = String(decoding: coding, as: UTF8.self).lowercased()
        guard text == "identity" || route.body.codings.contains(where: { $0.text == text }) else {
            throw Refusal(415, "unsupported_encoding", "This route does not take this content coding")
        }
    }

    // MARK: The answer

    package func enter(_ terms: RequestTerms, then: @escaping @Sendable (Turn) -> Void) -> Turn {
        let (route, shedClass) = work(terms)
        return guards.enter(route, shedClass, at: MonotonicClock.now, then: then)
    }

    package func leave(_ terms: RequestTerms) {
        let (route, shedClass) = work(terms)
        guards.leave(route, shedClass, after: nil, at: MonotonicClock.now)
    }

    package func refused(_ request: InboundRequest) -> OutboundAnswer { problemAnswer(guards.overload, request.id) }

    package func answerAtOnce(_ request: InboundRequest) -> OutboundAnswer? {
        let (route, shedClass) = work(request.terms)
        guard route.isAnsweredAtOnce, let key = request.terms.caller as? SDKKey else { return nil }
        let address = request.head.clientAddress(from: request.peer, trusting: settings.trustedProxies)
        guard var answer = clients.initializeAtOnce(request.head, request.body, key, address: address?.text) else {
            return nil
        }
        answer.head.headerFields[.requestID] = request.id
        let now = MonotonicClock.now
        didAnswer(answer, to: request, code: nil, after: .nanoseconds(Int64(clamping: now &- request.startedAt)))
        // It stood in no line, and so says nothing of how long those take that do.
        guards.leave(route, shedClass, after: nil, at: now)
        return answer
    }

    /// What the request asks of the server.
    func work(_ terms: RequestTerms) -> (Route, Route.ShedClass) {
        let route = table.routes[terms.route]
        return (route, route.shedClass(for: (terms.caller as? SDKKey)?.kind))
    }

    func respond(to request: InboundRequest) async -> OutboundAnswer {
        let start = ContinuousClock.now
        var logger = logger
        logger[metadataKey: "hb.request.id"] = .string(request.id)
        var context = ServerContext(source: ApplicationRequestContextSource(channel: request.channel, logger: logger))
        context.caller = request.terms.caller as? SDKKey
        let fault = Fault()
        context.fault = fault
        let feed = FeedSlot()
        context.feed = feed
        let address = request.head.clientAddress(from: request.peer, trusting: settings.trustedProxies)
        context.setRemoteAddress(address?.text)
        var head = request.head
        if let path = head.path, let rest = stripped(path) {
            head.path = rest
            context.hadPathPrefix = true
        }
        let routed = Request(head: head, body: RequestBody(buffer: request.body))
        var response: Response
        do { response = try await responder.respond(to: routed, context: context) } catch {
            response = AnswerErrors.answer(error, context)
        }
        response.headers[.requestID] = request.id
        for field in request.terms.fields {
            if let name = HTTPField.Name(field.name) { response.headers[name] = field.value }
        }
        let answer =
            if let terms = feed.terms {
                OutboundAnswer(HTTPResponse(status: response.status, headerFields: response.headers), .events(terms))
            } else {
                await OutboundAnswer(response)
            }
        didAnswer(answer, to: request, code: fault.code, after: ContinuousClock.now - start)
        return answer
    }

    private func stripped(_ path: String) -> String? {
        guard !settings.pathPrefix.isEmpty, path.hasPrefix(settings.pathPrefix) else { return nil }
        let rest = path.dropFirst(settings.pathPrefix.count)
        if rest.isEmpty { return "/" }
        if rest.hasPrefix("/") { return String(rest) }
        return rest.hasPrefix("?") ? "/" + rest : nil
    }

    // MARK: Refusals

    package func problem(_ refusal: Refusal, requestID: String) -> (contentType: String, bytes: [UInt8]) {
        let problem = Problem(status: refusal.status, code: refusal.code, detail: refusal.detail)
        return (Problem.contentType, problem.bytes(requestID: requestID))
    }

    private func problemAnswer(_ refusal: Refusal, _ requestID: String) -> OutboundAnswer {
        metrics.refused(refusal.code)
        var head = HTTPResponse(status: .init(code: refusal.status))
        for field in refusal.fields {
            if let name = HTTPField.Name(field.name) { head.headerFields[name] = field.value }
        }
        head.headerFields[.contentType] = Problem.contentType
        head.headerFields[.cacheControl] = "no-store"
        head.headerFields[.requestID] = requestID
        return OutboundAnswer(head, .bytes(ByteBuffer(bytes: problem(refusal, requestID: requestID).bytes)))
    }
}

extension OutboundAnswer {
    /// The same for the front door.
    fileprivate init(_ response: Response) async {
        let head = HTTPResponse(status: response.status, headerFields: response.headers)
        let body = response.body
        if let length = body.contentLength, length <= 1 << 20 || length == 0 {
            let collector = Collector()
            if (try? await body.write(collector)) != nil {
                self.init(head, .bytes(collector.buffer.withLock { $0 }))
                return
            }
        }
        self.init(
            head,
            .parts(length: body.contentLength) { writer in try await body.write(Forwarder(writer: writer)) }
        )
    }
}

/// Keeps a body that is there already.
private final class Collector: ResponseBodyWriter, Sendable {
    let buffer = Mutex(ByteBuffer())

    func write(_ part: ByteBuffer) async throws {
        buffer.withLock { buffer in
            if buffer.readableBytes == 0 { buffer = part } else { buffer.writeImmutableBuffer(part) }
        }
    }

    func finish(_ trailingHeaders: HTTPFields?) async throws {}
}

/// Sends the parts of a body on.
private struct Forwarder: ResponseBodyWriter {
    let writer: any AnswerWriter

    func write(_ part: ByteBuffer) async throws { try await writer.write(part) }
    func finish(_ trailingHeaders: HTTPFields?) async throws {}
}

extension String {
    fileprivate func withUTF8Bytes<Result>(_ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        var text = self
        return text.withUTF8 { body(UnsafeRawBufferPointer($0)) }
    }
}
