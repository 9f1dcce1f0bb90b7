// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import FloodgateEvaluation
import FloodgateFlags
import FloodgateHTTP
import FloodgateIngest
import FloodgateJSON
import HTTPTypes
import Hummingbird
import Logging

/// OpenFeature's remote evaluation protocol, version 0.3: one flag, all flags, and a stream that says when to ask again.
struct FlagRoutes: Sendable {
    let board: SnapshotBoard
    let idLists: IDListBoard
    let bell: ChangeBell
    let ring: KeyRing
    let places: StreamPlaces
    let intake: Intake
    let settings: ServerSettings
    let now: @Sendable () -> Int64
    let metrics: ServerMetrics
    let patience = HintPatience()

    func add(to router: Router<ServerContext>) {
        let group = router.group("ofrep/v1")
            .add(middleware: AllowBrowsers())
            .group(context: SDKContext.self)
        group.post("evaluate/flags", use: all)
        group.post("evaluate/flags/{flag}", use: one)
        group.get("stream", use: changes)
    }

    // MARK: Evaluation

    /// 200: the flag, whose exposure is kept; 400: what was sent cannot be read; 404: there is no such flag.
    @Sendable private func one(_ request: Request, _ context: SDKContext) async throws -> Response {
        let key = PercentEncoding.decode(try context.parameters.require("flag"))
        return try await inOFREPsTerms(context, key: key) {
            let asked = try await question(request, context)
            let (flag, bytes) = try asked.answers.answer(key)
            await keepExposures(of: flag, for: asked.sentUser, context)
            return .json(bytes: bytes)
        }
    }

    /// 200: all flags; 304: they are what `If-None-Match` names; 400: what was sent cannot be read.
    ///
    /// Keeps no exposures: a client asks for all flags ahead, and nobody knows which of them it will use.
    @Sendable private func all(_ request: Request, _ context: SDKContext) async throws -> Response {
        try await inOFREPsTerms(context, key: nil) {
            if let hint = FlagHint(request) {
                await patience.wait(for: hint, of: context.caller.environment, on: bell, now: now)
            }
            let asked = try await question(request, context)
            var writer = JSONWriter(capacity: 1 << 14)
            writer.raw("{\"flags\":")
            writer.raw(asked.answers.all(asked.snapshot.ruleset.names(shownTo: asked.clientKey)))
            writer.raw(",\"metadata\":")
            writer.write(["lcut": .integer(Int64(clamping: asked.snapshot.time))] as JSONObject)
            writer.raw(",\"eventStreams\":")
            writer.write([eventStream(asked.clientKey, context)])
            writer.raw("}")
            let tag = Self.entityTag(writer.bytes, asked.context, context.caller)
            var headers: HTTPFields = [.cacheControl: "no-store", .eTag: tag]
            if Self.isHeld(tag, request.headers[.ifNoneMatch]) {
                return Response(status: .notModified, headers: headers)
            }
            headers[.contentType] = "application/json"
            return Response(status: .ok, headers: headers, body: ResponseBody(bytes: writer.bytes))
        }
    }

    /// For whom flags are asked, and what they are answered from.
    private struct Question {
        let snapshot: PreparedSnapshot
        let context: JSONValue
        /// The user as it was sent.
        let sentUser: FloodgateUser
        let answers: FlagAnswers
        /// The key, if it is one that anybody can have.
        let clientKey: String?
    }

    private func question(_ request: Request, _ context: SDKContext) async throws -> Question {
        let body = try await request.jsonObject(upTo: BodyLimit.evaluation)
        let sent = body["context"].flatMap { $0.isNull ? nil : $0 } ?? [:]
        let user = try FloodgateUser(EvaluationContext(json: sent))
        guard let snapshot = board.snapshot(of: context.caller.environment) else {
            throw ServerError(.unavailable, "The specs are not ready yet; try again", headers: [.retryAfter: "1"])
        }
        var completed = user
        // Servers ask for their users, browsers and phones for themselves.
        let isClient = context.caller.kind == .client
        if isClient {
            completed.ip = completed.ip ?? context.remoteAddress.map(JSONValue.string)
            completed.userAgent = completed.userAgent ?? request.headers[.userAgent].map(JSONValue.string)
        }
        var surroundings = Surroundings(now: now)
        surroundings.idLists = idLists.lists
        let evaluator = Evaluator(snapshot.ruleset, from: .network, surroundings: surroundings)
        return Question(
            snapshot: snapshot,
            context: sent,
            sentUser: user,
            answers: FlagAnswers(evaluator: evaluator, user: completed),
            clientKey: isClient ? request.openFeatureKeyText : nil
        )
    }

    private func keepExposures(of flag: Flag, for user: FloodgateUser, _ context: SDKContext) async {
        let origin: JSONObject = ["statsigMetadata": ["sdkType": "ofrep"]]
        guard var exposures = ServedExposures(origin, user: user, time: now()) else { return }
        exposures.append(flag)
        await exposures.send(
            to: intake,
            environment: context.caller.environment,
            keyKind: context.caller.kind.rawValue
        )
    }

    /// What `body` answers, with errors in OFREP's form where it has one for them.
    private func inOFREPsTerms(
        _ context: SDKContext,
        key: String?,
        _ body: () async throws -> Response
    ) async throws -> Response {
        do { return try await body() } catch {
            guard let failure = FlagFailure(error, key: key) else { throw error }
            context.fault.code = failure.code.rawValue
            if failure.code == .internalFault {
                context.logger.error("Request failed", metadata: ["error": .string("\(error)")])
            }
            return failure.response
        }
    }

    // MARK: Entity tags

    /// Stands for the answer, whom it is for and who asks.
    private static func entityTag(_ body: [UInt8], _ context: JSONValue, _ caller: SDKKey) -> String {
        let digest = SHA256.digest(of: caller.digest.bytes + context.sorted.bytes + body)
        return "\""
            + digest.prefix(16).map { byte in String(byte >> 4, radix: 16) + String(byte & 15, radix: 16) }
            .joined() + "\""
    }

    private static func isHeld(_ tag: String, _ header: String?) -> Bool {
        guard var header else { return false }
        return header.withUTF8 { EntityTags.list(UnsafeRawBufferPointer($0), names: Array(tag.utf8)) }
    }
}

extension JSONValue {
    /// The same with members in the order of their names, since clients write them in any.
    fileprivate var sorted: JSONValue {
        switch self {
        case .null, .bool, .number, .string: self
        case .array(let items): .array(items.map(\.sorted))
        case .object(let object):
            .object(JSONObject(object.sorted { $0.name < $1.name }.map { ($0.name, $0.value.sorted) }))
        }
    }
}
