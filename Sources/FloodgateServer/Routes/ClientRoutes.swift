// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import FloodgateEvaluation
import FloodgateEvents
import FloodgateHTTP
import FloodgateIngest
import FloodgateJSON
import HTTPTypes
import Hummingbird
import NIOCore

/// Evaluation on behalf of clients: `/v1/initialize` for web and mobile SDKs, and the HTTP API.
struct ClientRoutes: Sendable {
    let board: SnapshotBoard
    let idLists: IDListBoard
    let intake: Intake
    /// Bytes that all bodies together may have when they are unpacked.
    let unpacked: ByteBudget
    let now: @Sendable () -> Int64
    let metrics: ServerMetrics

    func add(to router: Router<ServerContext>) {
        let group = router.group("v1")
            .add(middleware: AllowBrowsers())
            .group(context: SDKContext.self)
        group.post("initialize", use: initialize)
        group.post("check_gate", use: checkGate)
        group.post("get_config", use: getConfig)
        group.post("get_layer", use: getLayer)
        group.post("get_ranked_list", use: getRankedList)
        group.post("sdk_exception", use: exception)
    }

    /// 200: what a client SDK needs for one user, or `has_updates: false` if it has that already.
    @Sendable private func initialize(_ request: Request, _ context: SDKContext) async throws -> Response {
        let body = try await request.clientBody(unpacked)
        let bytes = try evaluation(request, context).initialize(body) { ByteBuffer(bytes: $0) }
        return Response(
            status: .ok,
            headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: bytes)
        )
    }

    /// How many entities a document may have that is evaluated on the event loop: a millisecond's worth.
    private static let mostAtOnce = 2_000
    /// How many bytes a user may have for that: every condition may read a long attribute to its end.
    private static let longestAtOnce = 4 << 10

    /// The same, for plain bodies and documents that are not large; nil for all others, and for what is an error.
    func initializeAtOnce(
        _ head: HTTPRequest,
        _ body: ByteBuffer,
        _ key: SDKKey,
        address: String?
    ) -> OutboundAnswer? {
        guard let snapshot = board.snapshot(of: key.environment), snapshot.ruleset.specCount <= Self.mostAtOnce,
            head.headerFields[.contentEncoding] == nil, body.readableBytes <= Self.longestAtOnce
        else { return nil }
        let request = Request(head: head, body: RequestBody(buffer: body))
        guard Self.isPlain(request), let object = try? Request.object(Array(body.readableBytesView))
        else { return nil }
        let evaluation = ClientEvaluation(
            snapshot,
            after: board.earlierSnapshot(of: key.environment),
            idLists: idLists.lists,
            caller: caller(request, key.kind, address: address),
            now: now
        )
        var fields: HTTPFields = [.contentType: "application/json", .cacheControl: "no-store"]
        if head.headerFields[.origin] != nil {
            fields[.accessControlAllowOrigin] = "*"
            fields[.accessControlExposeHeaders] = AllowBrowsers.readable
        }
        // Which takes several times as long.
        if evaluation.wantsDelta(object) { return nil }
        let bytes = evaluation.initialize(object) { ByteBuffer(bytes: $0) }
        return OutboundAnswer(HTTPResponse(status: .ok, headerFields: fields), .bytes(bytes))
    }

    /// 200: the gate's value, or those of several gates by name.
    @Sendable private func checkGate(_ request: Request, _ context: SDKContext) async throws -> Response {
        let body = try await request.clientBody(unpacked)
        let evaluation = try evaluation(request, context)
        let user = evaluation.sentUser(body)
        var exposures = ServedExposures(body, user: user, time: now())
        let answer: JSONObject
        if let names = body["gateNames"]?.arrayValue {
            guard 1...100 ~= names.count else {
                throw ServerError(.invalid, "gateNames must hold 1 to 100 names", pointer: "/gateNames")
            }
            var answers = JSONObject()
            for case .string(let name) in names {
                let gate = evaluation.gate(name, user)
                answers[name] = .object(gate.answer)
                exposures?.append(name, gate.evaluation)
            }
            answer = answers
        } else {
            let name = try name("gateName", in: body)
            let gate = evaluation.gate(name, user)
            exposures?.append(name, gate.evaluation)
            answer = gate.answer
        }
        await send(&exposures, context)
        return .json(.object(answer))
    }

    /// 200: the config's or experiment's value; empty if there is none of that name.
    @Sendable private func getConfig(_ request: Request, _ context: SDKContext) async throws -> Response {
        let body = try await request.clientBody(unpacked)
        let evaluation = try evaluation(request, context)
        let user = evaluation.sentUser(body)
        let name = try name("configName", in: body)
        let config = evaluation.config(name, user)
        var exposures = ServedExposures(body, user: user, time: now())
        exposures?.append(name, config.evaluation)
        await send(&exposures, context)
        return .json(.object(config.answer))
    }

    private func send(_ exposures: inout ServedExposures?, _ context: SDKContext) async {
        await exposures?.send(
            to: intake,
            environment: context.caller.environment,
            keyKind: context.caller.kind.rawValue
        )
    }

    /// 200: the layer's value, whose parameters count as read; 404: there is none of that name.
    @Sendable private func getLayer(_ request: Request, _ context: SDKContext) async throws -> Response {
        let body = try await request.clientBody(unpacked)
        let evaluation = try evaluation(request, context)
        let name = try name("layerName", in: body)
        let user = evaluation.sentUser(body)
        guard let layer = evaluation.layer(name, user) else {
            throw ServerError(.notFound, "There is no layer named \"\(name)\"")
        }
        var exposures = ServedExposures(body, user: user, time: now())
        exposures?.append(name, layer.evaluation)
        await send(&exposures, context)
        return .json(.object(layer.answer))
    }

    /// 200: the groups of a contextual autotune, the best first; 404: there is none of that name.
    @Sendable private func getRankedList(_ request: Request, _ context: SDKContext) async throws -> Response {
        let body = try await request.clientBody(unpacked)
        let evaluation = try evaluation(request, context)
        let name = try name("configName", in: body)
        guard let answer = evaluation.rankedGroups(name, evaluation.sentUser(body)) else {
            throw ServerError(.notFound, "There is no contextual autotune named \"\(name)\"")
        }
        return .json(answer)
    }

    /// 202: what an SDK reports about itself is counted, not kept.
    @Sendable private func exception(_ request: Request, _ context: SDKContext) async throws -> Response {
        _ = try await request.bytes(upTo: BodyLimit.evaluation)
        metrics.sdkException()
        return .json(["success": true], status: .accepted)
    }

    private static func isPlain(_ request: Request) -> Bool {
        guard request.head.path?.utf8.contains(UInt8(ascii: "?")) ?? false else { return true }
        let query = request.uri.queryParameters
        return query.get("gz") != "1" && query.get("se") != "1"
    }

    private func name(_ member: String, in body: JSONObject) throws -> String {
        guard let name = body[member]?.stringValue, !name.isEmpty else {
            throw ServerError(.invalid, "The body must have a text \"\(member)\"", pointer: "/\(member)")
        }
        return name
    }

    private func evaluation(_ request: Request, _ context: SDKContext) throws -> ClientEvaluation {
        guard let snapshot = board.snapshot(of: context.caller.environment) else {
            throw ServerError(.unavailable, "The specs are not ready yet; try again", headers: [.retryAfter: "1"])
        }
        let caller = caller(request, context.caller.kind, address: context.remoteAddress)
        return ClientEvaluation(
            snapshot,
            after: board.earlierSnapshot(of: context.caller.environment),
            idLists: idLists.lists,
            caller: caller,
            now: now
        )
    }

    private func caller(_ request: Request, _ kind: KeyKind, address: String?) -> ClientEvaluation.Caller {
        // Servers ask for their users, browsers and phones for themselves.
        guard kind == .client else { return ClientEvaluation.Caller() }
        return ClientEvaluation.Caller(
            clientKey: request.sdkKeyText,
            address: address,
            userAgent: request.headers[.userAgent]
        )
    }
}
