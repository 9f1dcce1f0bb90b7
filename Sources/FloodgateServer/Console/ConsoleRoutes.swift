// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateConsole
import FloodgateControlPlane
import FloodgateDelivery
import FloodgateEvents
import FloodgateIngest
import FloodgateWarehouse
import HTTPTypes
import Hummingbird

/// The console's pages, for people: `/`, `/gates/{name}` and its like, `/live`, `/fleet`, `/audit`.
struct ConsoleRoutes: Sendable {
    let control: ControlPlane
    let eventLog: any EventLog
    let feed: LiveFeed
    let pipeline: EventPipeline?
    let fleet: Fleet
    let settings: ServerSettings
    let now: @Sendable () -> Int64
    /// Called after each change, so that SDKs need not wait for the next look at the store.
    let didChange: @Sendable () -> Void
    let pages = ConsolePages()
    let environment = ControlPlane.defaultEnvironment

    private static let entityFolders: [(folder: String, kinds: [EntityKind])] = [
        ("gates", [.gate, .segment, .holdout]), ("segments", [.segment, .gate, .holdout]),
        ("holdouts", [.holdout, .gate, .segment]), ("configs", [.dynamicConfig, .experiment, .autotune]),
        ("experiments", [.experiment, .autotune, .dynamicConfig]), ("layers", [.layer]),
    ]

    func add(to router: Router<ServerContext>, access: AuthenticateConsole) {
        let group = router.group()
            .add(middleware: RefuseCrossSite())
            .add(middleware: access)
            .group(context: ConsoleContext.self)
        group.get("/", use: overview)
        group.get("live", use: live)
        group.get("fleet", use: fleetPage)
        group.get("audit", use: audit)
        group.get("console/live", use: stream)
        for (folder, kinds) in Self.entityFolders {
            group.get(RouterPath("\(folder)/{name}")) { request, context in
                try await entity(request, context, kinds: kinds)
            }
        }
        group.post("gates/{name}/toggle", use: toggle)
        group.post("gates/{name}/rollout", use: rollout)
        router.get("console/assets/{file}", use: asset)
    }

    // MARK: Pages

    /// 200: everything there is.
    @Sendable private func overview(_ request: Request, _ context: ConsoleContext) async throws -> Response {
        let entities = try await control.entities()
        let frame = frame(.overview, notice: notice(request, entities))
        let (events, position) = await recentEvents(onlyExposures: true)
        return .page(pages.overview(entities, live: events, after: position, frame: frame))
    }

    /// 200: the last 50 events that the `filter` shows; a script adds what comes.
    @Sendable private func live(_ request: Request, _ context: ConsoleContext) async throws -> Response {
        var content = LiveContent()
        content.filter = request.formField("filter") ?? ""
        var filter = EventFilter()
        do { filter = try EventFilter(content.filter) } catch { content.mistake = error.description }
        content.counts = await countsOfLastHour()
        let (events, position) = await recentEvents(onlyExposures: false, filter)
        return .page(pages.live(events, after: position, content: content, frame: frame(.live)))
    }

    /// What was served in the last hour; nil if nobody can say.
    private func countsOfLastHour() async -> [CountedExposures]? {
        guard let pipeline, let names = try? await control.knownNames() else { return nil }
        let summary = try? await ExposureSummary(
            of: environment,
            since: now() - 3_600_000,
            in: pipeline.warehouse,
            names: names
        )
        return summary?.exposures.map { line in
            CountedExposures(
                kind: ArrivedEvent.Kind(rawValue: line.kind) ?? .custom,
                name: line.name,
                rule: line.rule,
                value: line.value,
                exposures: line.count,
                units: line.units,
                isKnown: line.isKnown
            )
        }
    }

    /// 200: the last 200 changes.
    @Sendable private func audit(_ request: Request, _ context: ConsoleContext) async throws -> Response {
        .page(pages.audit(try await control.auditLog(limit: 200), frame: frame(.audit)))
    }

    /// 200: the entity; 303 if it is of another kind of the same family; 404 with a page that says what there is.
    private func entity(_ request: Request, _ context: ConsoleContext, kinds: [EntityKind]) async throws -> Response {
        guard let name = name(context) else { return notFound("The address is not percent-encoded UTF-8.") }
        let entities = try await control.entities()
        let found = kinds.lazy.compactMap { kind in entities.first { $0.kind == kind && $0.name == name } }.first
        guard let found, let first = kinds.first else { return await notFound(kinds, name) }
        let isHere = ConsolePath.folder(of: found.kind) == ConsolePath.folder(of: first)
        guard isHere else { return .seeOther(settings.pathPrefix + ConsolePath.page(of: found.kind, name: name)) }
        return try await page(of: found, among: entities, request, notice: notice(request, entities))
    }

    func page(
        of entity: Entity,
        among entities: [Entity],
        _ request: Request,
        notice: PageFrame.Notice?,
        status: HTTPResponse.Status = .ok
    ) async throws -> Response {
        let history = try await control.auditLog(limit: 1000).filter { $0.entity == entity.label }
        let key = try await control.keys().first {
            $0.kind == .server && $0.environment == environment && $0.isGood(at: now())
        }
        let content = EntityContent(
            entity: entity,
            entities: entities,
            history: history,
            address: try settings.baseURL(of: request, hadPathPrefix: !settings.pathPrefix.isEmpty),
            serverKey: key?.masked
        )
        return .page(pages.entity(content, frame: frame(.none, notice: notice)), status: status)
    }

    /// 200, to be kept for good under the address that pages use; 404 for anything that is not there.
    @Sendable private func asset(_ request: Request, _ context: ServerContext) async throws -> Response {
        let file = context.parameters.get("file")
        guard let asset = ConsoleAsset.all.first(where: { $0.name == file }) else {
            throw ServerError(.notFound, "There is no such file")
        }
        let isCurrent = request.uri.queryParameters.get("v") == ConsoleAsset.version
        return Response(
            status: .ok,
            headers: [
                .contentType: asset.contentType,
                .cacheControl: isCurrent ? "public, max-age=31536000, immutable" : "no-cache",
                .contentTypeOptions: "nosniff",
            ],
            body: ResponseBody(bytes: asset.bytes)
        )
    }

    // MARK: What pages share

    func frame(_ place: PageFrame.Place, notice: PageFrame.Notice? = nil) -> PageFrame {
        var frame = PageFrame(
            place: place,
            environment: environment,
            version: FloodgateVersion.current,
            now: now(),
            notice: notice
        )
        frame.base = settings.pathPrefix
        return frame
    }

    /// The entity's name in the path, or nil if it is not percent-encoded UTF-8.
    func name(_ context: ConsoleContext) -> String? {
        context.parameters.get("name").flatMap { URLText.decoded($0) }
    }

    func notFound(_ kinds: [EntityKind], _ name: String) async -> Response {
        guard let kind = kinds.first else { return notFound("There is nothing here.") }
        do {
            _ = try await control.entity(kind, name)
        } catch {
            return notFound(error.message + ".")
        }
        return notFound("There is nothing here.")
    }

    private func notFound(_ text: String) -> Response {
        // It names what was asked for, and somebody may have put a key there.
        let text = KeyRedaction.redacted(text, shortest: 16)
        let page = pages.message(status: 404, title: "Not found", text: text, frame: frame(.none))
        return .page(page, status: .notFound)
    }
}

extension Response {
    /// A page, which nobody keeps and which may load nothing but the console's own files.
    static func page(_ html: String, status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [
                .contentType: "text/html; charset=utf-8",
                .cacheControl: "no-store",
                .contentSecurityPolicy: contentSecurityPolicy,
                .contentTypeOptions: "nosniff",
                .referrerPolicy: "same-origin",
            ],
            body: ResponseBody(bytes: Array(html.utf8))
        )
    }

    /// Sends the browser to `path` after a form.
    static func seeOther(_ path: String) -> Response {
        Response(status: .seeOther, headers: [.location: path, .cacheControl: "no-store"])
    }

    private static let contentSecurityPolicy = [
        "default-src 'none'", "style-src 'self'", "script-src 'self'", "img-src 'self'", "connect-src 'self'",
        "form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
    ].joined(separator: "; ")
}

extension HTTPField.Name {
    fileprivate static let contentTypeOptions = HTTPField.Name("x-content-type-options") ?? .server
    fileprivate static let referrerPolicy = HTTPField.Name("referrer-policy") ?? .server
}
