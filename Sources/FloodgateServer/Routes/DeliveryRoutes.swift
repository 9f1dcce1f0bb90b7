// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import FloodgateHTTP
import FloodgateJSON
import FloodgateSnapshots
import HTTPTypes
import Hummingbird

/// `/delivery/v1`: documents that any cache may keep, since nobody guesses where they are and all of them are signed.
struct DeliveryRoutes: Sendable {
    let boards: Boards
    let purger: Purger
    let settings: ServerSettings

    func add(to router: Router<ServerContext>) {
        let group = router.group("delivery/v1")
        group.get("objects/{hash}", use: object)
        group.get("{id}", use: document)
        group.get("{id}/manifest", use: manifest)
        group.get("{id}/kill", use: kill)
        group.get("{id}/stream", use: stream)
    }

    /// How long caches keep what changes, and what they may do when nobody answers them (reliability §15).
    private enum Caching {
        static let document = "public, max-age=10, s-maxage=10, stale-while-revalidate=30, stale-if-error=86400"
        static let manifest = "public, s-maxage=5, stale-if-error=86400"
        static let kill = "public, s-maxage=2, stale-if-error=86400"
        static let immutable = "public, max-age=31536000, immutable"
        static let absence = "public, max-age=10"
    }

    /// 200 or 304: the newest document of the environment that the delivery id opens, with its seal.
    @Sendable private func document(_ request: Request, _ context: ServerContext) async throws -> Response {
        let snapshot: PreparedSnapshot
        switch try find(request, context) {
        case .success(let found): snapshot = found
        case .failure(let absence): return absence
        }
        return try await answer(snapshot, request, caching: Caching.document)
    }

    /// 200: what is said of that document, in less than two kilobytes.
    @Sendable private func manifest(_ request: Request, _ context: ServerContext) throws -> Response {
        let snapshot: PreparedSnapshot
        switch try find(request, context) {
        case .success(let found): snapshot = found
        case .failure(let absence): return absence
        }
        var object = snapshot.seal?.json ?? [:]
        let heartbeat = boards.cells.cell(of: snapshot.environment)?.heartbeat
        object.set("heartbeat", heartbeat.map { .string($0.field) })
        return Response(
            status: .ok,
            headers: [
                .contentType: "application/json", .cacheControl: Caching.manifest, .accessControlAllowOrigin: "*",
            ],
            body: ResponseBody(bytes: JSONValue.object(object).bytes)
        )
    }

    /// 200: which gates are switched off, for those who look more often than a document is worth.
    @Sendable private func kill(_ request: Request, _ context: ServerContext) throws -> Response {
        let snapshot: PreparedSnapshot
        switch try find(request, context) {
        case .success(let found): snapshot = found
        case .failure(let absence): return absence
        }
        var object: JSONObject = ["time": .integer(Int64(clamping: snapshot.time))]
        object.set("checksum", snapshot.checksum.map { .string($0) })
        object["off"] = .array(snapshot.switchedOff.map { .string($0) })
        return Response(
            status: .ok,
            headers: [
                .contentType: "application/json", .cacheControl: Caching.kill, .accessControlAllowOrigin: "*",
            ],
            body: ResponseBody(bytes: JSONValue.object(object).bytes)
        )
    }

    /// 200: a stream that says when there is another document; 503 when there are too many.
    ///
    /// It never carries documents, which caches have: all clients of one fetch from it, by the hash that no cache can hold an
    /// old answer for.
    @Sendable private func stream(_ request: Request, _ context: ServerContext) throws -> Response {
        let query = request.uri.queryParameters
        guard let held = HeldSnapshot(sinceTime: query.get("sinceTime"), checksum: query.get("checksum")) else {
            throw ServerError(.malformed, "sinceTime must be a time in Unix milliseconds")
        }
        try refuseTooEarly()
        guard let key = boards.ring.activeKey(try context.parameters.require("id")), key.kind == .delivery,
            let (feed, number) = boards.feeds.feed(of: key.environment, toHolderOf: held, announcing: true)
        else { return absence("There is no such delivery id", context, keeping: "no-store") }
        context.feed.terms = try FeedTerms(
            feed,
            held: number,
            place: boards.places.takeOrRefuse(),
            among: boards.places,
            settings
        ) { [ring = boards.ring] in ring.isActive(key.digest) }
        var headers = StreamRoutes.headers
        headers[.accessControlAllowOrigin] = "*"
        return Response(status: .ok, headers: headers)
    }

    /// 200: the document with the hash, which never changes.
    @Sendable private func object(_ request: Request, _ context: ServerContext) async throws -> Response {
        try refuseQuery(request)
        try refuseTooEarly()
        guard let hash = SnapshotHash(try context.parameters.require("hash")),
            let snapshot = boards.cells.document(hash)
        else { return absence("There is no such document, or not any more", context) }
        return try await answer(snapshot, request, caching: Caching.immutable)
    }

    private enum Found {
        case success(PreparedSnapshot)
        case failure(Response)
    }

    private func find(_ request: Request, _ context: ServerContext) throws -> Found {
        try refuseQuery(request)
        try refuseTooEarly()
        let id = try context.parameters.require("id")
        guard let key = boards.ring.activeKey(id), key.kind == .delivery,
            let snapshot = boards.snapshots.snapshot(of: key.environment)
        else { return .failure(absence("There is no such delivery id", context)) }
        purger.note(id, of: key)
        return .success(snapshot)
    }

    /// Before anything is known nothing can be said to be absent: caches would put that in the place of what they have.
    private func refuseTooEarly() throws {
        guard boards.ring.version == 0 else { return }
        throw ServerError(
            .unavailable,
            "There is nothing to serve yet; try again",
            headers: [.retryAfter: "1", .cacheControl: "no-store"]
        )
    }

    /// A query would make as many objects of one as somebody cares to think of.
    private func refuseQuery(_ request: Request) throws {
        guard request.uri.query ?? "" == "" else {
            throw ServerError(.invalid, "This address takes no query")
        }
    }

    private func absence(
        _ message: String,
        _ context: ServerContext,
        keeping caching: String = Caching.absence
    ) -> Response {
        context.fault.code = ServerError.Code.notFound.rawValue
        var response = ServerError(.notFound, message).response(requestID: nil)
        response.headers[.cacheControl] = caching
        return response
    }

    private func answer(
        _ snapshot: PreparedSnapshot,
        _ request: Request,
        caching: String
    ) async throws -> Response {
        let isCompressed = AcceptEncoding.allowsGzip(request.headers[.acceptEncoding])
        // A strong tag is one of a representation, so each coding has its own.
        let tag = "\"\(snapshot.hash.text)\(isCompressed ? "-gzip" : "")\""
        var headers: HTTPFields = [
            .contentType: "application/json", .eTag: tag, .vary: "Accept-Encoding", .cacheControl: caching,
            // Whoever knows the address may read it, and caches do not pass on who asks.
            .accessControlAllowOrigin: "*",
        ]
        for field in snapshot.seal?.fields ?? [] {
            if let name = HTTPField.Name(field.name) { headers[name] = field.value }
        }
        if var held = request.headers[.ifNoneMatch],
            held.withUTF8({ EntityTags.list(UnsafeRawBufferPointer($0), names: Array(tag.utf8)) })
        {
            return Response(status: .notModified, headers: headers)
        }
        let body = try await snapshot.body(acceptsGzip: isCompressed)
        if body.isCompressed {
            headers[.contentEncoding] = "gzip"
        } else {
            headers[.eTag] = "\"\(snapshot.hash.text)\""
        }
        return Response(status: .ok, headers: headers, body: ResponseBody(bytes: body.body))
    }
}
