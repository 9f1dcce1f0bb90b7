// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import FloodgateHTTP
import FloodgateIngest
import FloodgateJSON
import FloodgateSnapshots
import HTTPTypes
import Hummingbird

/// `/edge/v1`: what edges ask of the server or edge that they follow (docs/wire.md).
struct EdgeRoutes: Sendable {
    let cells: CellBoard
    let intake: Intake
    let batches: EdgeBatches
    let unpacked: ByteBudget
    let freshness: Freshness
    let now: @Sendable () -> Int64
    /// Says anew that the state of an environment is the newest, where that is known; nil for an edge, which only hands on.
    let confirm: (@Sendable (String) -> Void)?

    func add(to router: Router<ServerContext>) {
        let group = router.group("edge/v1").group(context: SDKContext.self)
        group.get("state", use: state)
        group.get("objects/{hash}", use: object)
        group.post("events", use: events)
    }

    /// 200: the state as soon as it is another than `If-None-Match` names; 304: for `wait` seconds it was not.
    @Sendable private func state(_ request: Request, _ context: SDKContext) async throws -> Response {
        let environment = context.caller.environment
        confirm?(environment)
        let wait = min(25, max(0, request.uri.queryParameters.get("wait").flatMap { Int($0) } ?? 0))
        let held = request.headers[.ifNoneMatch] ?? ""
        let cell = await cells.cell(of: environment, otherThan: held, for: .seconds(held.isEmpty ? 0 : wait))
        guard let cell else {
            throw ServerError(.unavailable, "There is no state yet; try again", headers: [.retryAfter: "1"])
        }
        var headers: HTTPFields = [.contentType: "application/json", .eTag: cell.tag, .cacheControl: "no-store"]
        confirm?(environment)
        if let heartbeat = cells.cell(of: environment)?.heartbeat { headers[.heartbeat] = heartbeat.field }
        headers[.age] = freshness.seconds(of: environment, at: now()).map(String.init)
        guard cell.tag != held else { return Response(status: .notModified, headers: headers) }
        return Response(status: .ok, headers: headers, body: ResponseBody(bytes: cell.bytes))
    }

    /// 200: the document with the hash; 404: there is none, any more.
    @Sendable private func object(_ request: Request, _ context: SDKContext) async throws -> Response {
        guard let hash = SnapshotHash(try context.parameters.require("hash")),
            let document = cells.document(hash, of: context.caller.environment)
        else { throw ServerError(.notFound, "There is no such document, or not any more") }
        let body = try await document.body(acceptsGzip: AcceptEncoding.allowsGzip(request.headers[.acceptEncoding]))
        var headers: HTTPFields = [
            .contentType: "application/json", .cacheControl: "private, max-age=31536000, immutable",
            .vary: "Accept-Encoding",
        ]
        if body.isCompressed { headers[.contentEncoding] = "gzip" }
        return Response(status: .ok, headers: headers, body: ResponseBody(bytes: body.body))
    }

    /// 202: a batch of events that the edge has kept is kept here as well.
    ///
    /// `floodgate-batch` says what the edge knew of whoever sent it; the environment is the edge key's.
    @Sendable private func events(_ request: Request, _ context: SDKContext) async throws -> Response {
        guard let about = request.headers[.batch].flatMap({ try? JSONValue(parsing: Array($0.utf8)) }),
            let kind = about["key_kind"]?.stringValue, ["server", "client"].contains(kind),
            let receivedAt = about["received_at"]?.integerValue
        else { throw ServerError(.malformed, "floodgate-batch must name key_kind and received_at") }
        let environment = context.caller.environment
        let name = about["edge"]?.stringValue.flatMap { $0.utf8.count <= 64 ? $0 : nil }
        let number = about["id"]?.integerValue
        if let name, let number {
            switch batches.begin(number, of: name, in: environment) {
            case .new: break
            case .kept: return Self.accepted
            case .underWay:
                throw ServerError(.unavailable, "The batch is being kept just now", headers: [.retryAfter: "1"])
            }
        }
        var isKept = false
        defer {
            if let name, let number { batches.end(number, of: name, in: environment, isKept: isKept) }
        }
        let lease = unpacked.lease()
        var batch = IntakeRequest(
            body: try await request.bytes(upTo: BodyLimit.events),
            contentEncoding: request.headers[.contentEncoding],
            environment: environment,
            keyKind: kind,
            receivedAt: receivedAt,
            sentAt: about["sent_at"]?.integerValue,
            idempotencyKey: about["idempotency_key"]?.stringValue,
            mayUnpack: { lease.take($0) }
        )
        batch.isFromEdge = true
        let answer = await intake.accept(batch)
        guard answer.refusal == nil else {
            throw ServerError(
                answer.status < 500 ? .invalid : .unavailable,
                "The batch is not kept: \(answer.refusal?.rawValue ?? "")",
                status: .init(code: answer.status),
                headers: [.retryAfter: String(answer.retryAfterSeconds ?? 1)]
            )
        }
        isKept = true
        return Self.accepted
    }

    private static var accepted: Response {
        Response(
            status: .accepted,
            headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(bytes: Array(#"{"success":true}"#.utf8))
        )
    }
}
