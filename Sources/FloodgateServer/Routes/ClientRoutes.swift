// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import FloodgateEvaluation
import FloodgateEvents
import FloodgateGzip
import FloodgateHTTP
import FloodgateIngest
import FloodgateJSON
import HTTPTypes
import Hummingbird

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
        group.post("sdk_exception", use: exception)
    }

    /// 200: what a client SDK needs for one user, or `has_updates: false` if it has that already.
    @Sendable private func initialize(_ request: Request, _ context: SDKContext) async throws -> Response {
        let body = try await body(of: request)
        return .json(bytes: try evaluation(request, context).initialize(body))
    }

    /// 200: the gate's value, or those of several gates by name.
    @Sendable private func checkGate(_ request: Request, _ context: SDKContext) async throws -> Response {
        let body = try await body(of: request)
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
        let body = try await body(of: request)
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

    /// 200: the layer's value; 404: there is none of that name.
    @Sendable private func getLayer(_ request: Request, _ context: SDKContext) async throws -> Response {
        let body = try await body(of: request)
        let evaluation = try evaluation(request, context)
        let name = try name("layerName", in: body)
        guard let answer = evaluation.layer(name, evaluation.sentUser(body)) else {
            throw ServerError(.notFound, "There is no layer named \"\(name)\"")
        }
        return .json(.object(answer))
    }

    /// 202: what an SDK reports about itself is counted, not kept.
    @Sendable private func exception(_ request: Request, _ context: SDKContext) async throws -> Response {
        _ = try await request.bytes(upTo: BodyLimit.evaluation)
        metrics.sdkException()
        return .json(["success": true], status: .accepted)
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
        var caller = ClientEvaluation.Caller()
        // Servers ask for their users, browsers and phones for themselves.
        if context.caller.kind == .client {
            caller.clientKey = request.sdkKeyText
            caller.address = context.remoteAddress
            caller.userAgent = request.headers[.userAgent]
        }
        return ClientEvaluation(snapshot, idLists: idLists.lists, caller: caller, now: now)
    }

    /// The body, which browsers may send compressed (`gz=1`), or as reversed base64 (`se=1`).
    private func body(of request: Request) async throws -> JSONObject {
        var bytes = try await request.bytes(upTo: BodyLimit.evaluation)
        let query = request.uri.queryParameters
        if query.get("se") == "1" {
            guard let decoded = Base64.decode(bytes.reversed()) else {
                throw ServerError(.malformed, "The body is not base64 written backwards, as se=1 says")
            }
            bytes = decoded
        }
        let encoding = request.headers[.contentEncoding]?.lowercased()
        if encoding == "gzip" || query.get("gz") == "1" || bytes.starts(with: [0x1F, 0x8B]) {
            let lease = unpacked.lease()
            return try withExtendedLifetime(lease) { try Self.object(Self.unpacked(bytes, lease)) }
        } else if let encoding, encoding != "identity" {
            throw ServerError(
                .unsupportedEncoding,
                "Send the body plain or with gzip",
                headers: [.acceptEncoding: "gzip"]
            )
        }
        return try Self.object(bytes)
    }

    private static func object(_ bytes: [UInt8]) throws -> JSONObject {
        guard !bytes.isEmpty else { return JSONObject() }
        let limits = JSONLimits(depth: 64, sizeBytes: 32 << 20, replacesLoneSurrogates: true)
        guard case .object(let object) = try JSONValue(parsing: bytes, limits: limits) else {
            throw ServerError(.malformed, "The body must be a JSON object")
        }
        return object
    }

    private static func unpacked(_ bytes: [UInt8], _ lease: ByteBudget.Lease) throws -> [UInt8] {
        let limit = min(8 << 20, max(1 << 20, 100 * bytes.count))
        do { return try Gzip.decompress(bytes, limit: limit, mayGrow: { lease.take($0) }) } catch {
            switch error.code {
            case .tooLarge: throw ServerError(.tooLarge, "The body unpacks to more than this route takes")
            case .outOfMemory:
                throw ServerError(
                    .unavailable,
                    "There is no memory to unpack the body with; try again",
                    headers: [.retryAfter: "1"]
                )
            default: throw ServerError(.malformed, "The body is not gzip data: \(error.message)")
            }
        }
    }
}
