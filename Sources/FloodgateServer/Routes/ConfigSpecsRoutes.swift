// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import FloodgateHTTP
import FloodgateJSON
import FloodgateSnapshots
import FloodgateSpecs
import HTTPTypes
import Hummingbird

/// `GET|POST /v1|v2/download_config_specs[/{key}]`: the specs of the environment that the server key opens.
struct ConfigSpecsRoutes: Sendable {
    let board: SnapshotBoard
    let fleet: Fleet
    let freshness: Freshness
    let now: @Sendable () -> Int64

    func add(to router: Router<ServerContext>) {
        for (folder, shape) in [("v1", SpecDocument.Shape.v1), ("v2", .v2)] {
            let group = router.group(RouterPath("\(folder)/download_config_specs"))
                .add(middleware: AllowBrowsers())
                .group(context: SDKContext.self)
            for end in ["", "{key}"] as [RouterPath] {
                group.get(end) { request, context in try await specs(shape, request, context) }
                group.post(end) { request, context in try await postedSpecs(shape, request, context) }
            }
        }
    }

    /// 200: the specs, or `has_updates: false` if the query's `sinceTime` and `checksum` are current.
    ///
    /// Never 304 or 204.
    private func specs(
        _ shape: SpecDocument.Shape,
        _ request: Request,
        _ context: SDKContext
    ) async throws -> Response {
        let query = request.uri.queryParameters
        let held = HeldSnapshot(
            sinceTime: query.get("sinceTime"),
            checksum: query.get("checksum")
        )
        return try await answer(shape, held, request, context)
    }

    /// The same with `{"sinceTime": N, "checksum": "…"}` in the body, as older SDKs ask.
    private func postedSpecs(
        _ shape: SpecDocument.Shape,
        _ request: Request,
        _ context: SDKContext
    ) async throws -> Response {
        let body = try await request.jsonObject(upTo: BodyLimit.evaluation)
        let sinceTime: String?
        switch body["sinceTime"] {
        case nil, .null: sinceTime = request.uri.queryParameters.get("sinceTime")
        case .string(let text): sinceTime = text
        case .some(let value): sinceTime = value.integerValue.map(String.init) ?? value.text
        }
        let checksum = body["checksum"]?.stringValue ?? request.uri.queryParameters.get("checksum")
        var response = try await answer(
            shape,
            HeldSnapshot(sinceTime: sinceTime, checksum: checksum),
            request,
            context
        )
        response.headers[.cacheControl] = "no-store"
        return response
    }

    private func answer(
        _ shape: SpecDocument.Shape,
        _ held: HeldSnapshot?,
        _ request: Request,
        _ context: SDKContext
    ) async throws -> Response {
        guard let held else { throw ServerError(.malformed, "sinceTime must be a time in Unix milliseconds") }
        guard let snapshot = board.snapshot(of: context.caller.environment) else {
            throw ServerError(.unavailable, "The specs are not ready yet; try again", headers: [.retryAfter: "1"])
        }
        let acceptsGzip = AcceptEncoding.allowsGzip(request.headers[.acceptEncoding])
        let answer = try await snapshot.answer(shape, toHolderOf: held, acceptsGzip: acceptsGzip)
        if var sighting = FleetSighting(of: request, context) {
            sighting.time = held.time ?? 0
            sighting.offered = answer.isUpdate ? snapshot.time : nil
            fleet.see(sighting, of: context.caller.environment, at: now())
        }
        var headers: HTTPFields = [
            .contentType: "application/json",
            .sinceTime: String(snapshot.time),
            .vary: "Accept-Encoding, statsig-supports-proto, \(ConfigAnswers.sealRequest)",
            .cacheControl: answer.isUpdate ? "private, max-age=0, must-revalidate" : "no-store",
        ]
        headers[.age] = freshness.seconds(of: context.caller.environment, at: now()).map(String.init)
        if answer.isCompressed { headers[.contentEncoding] = "gzip" }
        if answer.isUpdate, shape == .v2, let name = HTTPField.Name(ConfigAnswers.sealRequest),
            request.headers[name] != nil
        {
            for field in snapshot.seal?.fields ?? [] {
                if let name = HTTPField.Name(field.name) { headers[name] = field.value }
            }
        }
        if answer.isUpdate, let tag = snapshot.entityTag {
            headers[.eTag] = tag
            if request.method != .post, Self.isHeld(tag, request.headers[.ifNoneMatch]) {
                headers[.contentEncoding] = nil
                return Response(status: .notModified, headers: headers)
            }
        }
        return Response(status: .ok, headers: headers, body: ResponseBody(bytes: answer.body))
    }

    /// Whether whoever asks has what `tag` stands for; no SDK says so, caches in between do.
    private static func isHeld(_ tag: String, _ header: String?) -> Bool {
        guard var header else { return false }
        return header.withUTF8 { EntityTags.list(UnsafeRawBufferPointer($0), names: Array(tag.utf8)) }
    }
}
