// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateControlPlane
import FloodgateEvaluation
import FloodgateEvents
import FloodgateIngest
import FloodgateJSON
import FloodgateWarehouse
import Hummingbird
import NIOCore
import ServiceLifecycle

/// `/console/v1/events`: what arrived, what became of it, and what is to be forgotten.
struct EventAPIRoutes: Sendable {
    let control: ControlPlane
    let feed: LiveFeed
    let pipeline: EventPipeline?
    let ring: KeyRing
    let now: @Sendable () -> Int64

    func add(to router: Router<ServerContext>) {
        let group = router.group("console/v1/events").group(context: SDKContext.self)
        group.get("ledger", use: ledger)
        group.get("summary", use: summary)
        group.get("live", use: live)
        group.get("dead_letters", use: deadLetters)
        group.post("dead_letters/replay", use: replay)
        group.post("forget", use: forget)
    }

    /// 200: for each environment and minute that the log still has, accepted = loaded + duplicate + dead + in flight.
    @Sendable private func ledger(_ request: Request, _ context: SDKContext) async throws -> Response {
        let report = try await asking { try await $0.reconcile() }
        return .json(["message": "Ledger compared successfully.", "data": .object(report.json)])
    }

    /// 200: exposures of the last `hours` (1) of an `environment` (production) by gate and rule; events by name.
    @Sendable private func summary(_ request: Request, _ context: SDKContext) async throws -> Response {
        let query = request.uri.queryParameters
        let hours = query.get("hours").map { Int64($0) ?? 0 } ?? 1
        guard 1...24 * 366 ~= hours else { throw ServerError(.invalid, "hours must be a number from 1 to 8784") }
        let environment = query.get("environment") ?? ControlPlane.defaultEnvironment
        let names = try await control.knownNames()
        let since = now() - hours * 3_600_000
        let summary = try await asking { pipeline in
            try await ExposureSummary(of: environment, since: since, in: pipeline.warehouse, names: names)
        }
        return .json(["message": "Events counted successfully.", "data": .object(summary.json)])
    }

    /// 200, server-sent events: each a list of events that arrived, with `dropped`, how many were not shown since the last one.
    ///
    /// `filter` says which (docs/guide.md), `environment` is production.
    @Sendable private func live(_ request: Request, _ context: SDKContext) async throws -> Response {
        let query = request.uri.queryParameters
        let environment = query.get("environment") ?? ControlPlane.defaultEnvironment
        let digest = context.caller.digest
        let filter: EventFilter
        do { filter = try EventFilter(request.formField("filter") ?? "") } catch {
            throw ServerError(.invalid, error.description)
        }
        return Response(
            status: .ok,
            headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                guard let subscription = feed.subscribe(capacity: 2_000) else {
                    try await writer.write(ByteBuffer(string: "retry: 15000\n\n"))
                    return try await writer.finish(nil)
                }
                defer { subscription.cancel() }
                try await writer.write(ByteBuffer(string: "retry: 2000\n\n"))
                let window = LiveWindow(filter, environment: environment)
                await withTaskGroup { group in
                    group.addTask {
                        for await event in subscription.events { window.add(event) }
                        window.end()
                    }
                    // Ends when the reader is gone, its key is, the feed ends, or the server stops.
                    try? await send(window, of: subscription, to: &writer) { [ring] in ring.isActive(digest) }
                    subscription.cancel()
                    group.cancelAll()
                }
                try await writer.finish(nil)
            }
        )
    }

    @concurrent private func send(
        _ window: LiveWindow,
        of subscription: LiveSubscription,
        to writer: inout any ResponseBodyWriter,
        while isStillWelcome: @Sendable () -> Bool
    ) async throws {
        var missed = feed.counts.unsampled + subscription.dropped
        var silence = 0
        while !Task.isShuttingDownGracefully, isStillWelcome() {
            try await Task.sleep(for: .milliseconds(200))
            let (events, hidden, hasEnded) = window.take()
            let missedNow = feed.counts.unsampled + subscription.dropped
            let dropped = missedNow - missed + hidden
            missed = missedNow
            silence += 1
            if !events.isEmpty || dropped > 0 {
                let message: JSONValue = ["events": .array(events), "dropped": .integer(dropped)]
                try await writer.write(ByteBuffer(string: "data: \(message.text)\n\n"))
                silence = 0
            } else if silence >= 50 {
                try await writer.write(ByteBuffer(string: ":\n\n"))
                silence = 0
            }
            if hasEnded { return }
        }
    }

    /// 200: events that could not be loaded, `limit` (100) of them, the oldest first, and how many there are by reason.
    @Sendable private func deadLetters(_ request: Request, _ context: SDKContext) async throws -> Response {
        let filter = try Self.filter(request)
        let (rows, counts) = try await asking { pipeline in
            let letters = DeadLetters(in: pipeline.warehouse)
            return (try await letters.list(filter), try await letters.counts())
        }
        let byReason = JSONObject(counts.sorted { $0.key < $1.key }.map { ($0.key, .integer($0.value)) })
        return .json([
            "message": "Dead letters read successfully.",
            "data": ["letters": .array(rows.map(JSONValue.object)), "counts": .object(byReason)],
        ])
    }

    /// 200: dead letters are in the log again; those of a `reason` or `environment` alone, `limit` (100) of them.
    ///
    /// If there may be more, `next` is what the next request says as `after`.
    @Sendable private func replay(_ request: Request, _ context: SDKContext) async throws -> Response {
        let filter = try Self.filter(request)
        let replay = try await asking { try await $0.replay(filter) }
        var data: JSONObject = [
            "replayed": .integer(replay.replayed), "batches": .integer(replay.batches),
            "unreadable": .integer(replay.unreadable),
        ]
        data.set("next", replay.next.map { .string("\($0)") })
        return .json(["message": "Dead letters sent again successfully.", "data": .object(data)])
    }

    /// 200: every row about the user is removed; `{"userID":…,"environment":…}`.
    @Sendable private func forget(_ request: Request, _ context: SDKContext) async throws -> Response {
        let body = try? JSONValue(parsing: try await request.bytes(upTo: 64 << 10))
        guard let user = body?["userID"]?.stringValue, !user.isEmpty else {
            throw ServerError(.invalid, "Say who is to be forgotten: {\"userID\":\"…\",\"environment\":\"…\"}")
        }
        let environment = body?["environment"]?.stringValue ?? ControlPlane.defaultEnvironment
        let removed = try await asking { try await $0.warehouse.forget(user, environment: environment) }
        var data = JSONObject()
        data.set("removed", removed.map { .integer(Int64($0)) })
        return .json(["message": "User forgotten successfully.", "data": .object(data)])
    }

    private static func filter(_ request: Request) throws -> DeadLetters.Filter {
        let query = request.uri.queryParameters
        var filter = DeadLetters.Filter()
        filter.environment = query.get("environment")
        filter.reason = query.get("reason")
        let limit = query.get("limit").map { Int($0) ?? 0 } ?? 100
        guard 1...10_000 ~= limit else {
            throw ServerError(.invalid, "limit must be a number from 1 to 10000")
        }
        filter.limit = limit
        if let text = query.get("after") {
            guard let place = DeadLetters.Place(text) else {
                throw ServerError(.invalid, "after must be what an answer said as next")
            }
            filter.place = place
        }
        return filter
    }

    private func asking<Answer>(_ body: (EventPipeline) async throws -> Answer) async throws -> Answer {
        guard let pipeline else {
            throw ServerError(.unavailable, "This server has no warehouse; start it with --warehouse")
        }
        do { return try await body(pipeline) } catch let error as WarehouseError {
            throw ServerError(error.code == .rejected ? .invalid : .unavailable, error.message)
        } catch let error as EventLogError {
            throw ServerError(.unavailable, error.message)
        }
    }
}

extension ControlPlane {
    /// The names of all entities, and what client SDKs may know them by.
    package func knownNames() async throws(ControlError) -> Set<String> {
        Set(try await entities().map(\.name)).union(try await hashedNames().keys)
    }

    /// The names of all entities by what client SDKs may know them by.
    func hashedNames() async throws(ControlError) -> [String: String] {
        var names: [String: String] = [:]
        for entity in try await entities() {
            for hash in [NameHash.djb2, .sha256] { names[hash(entity.name)] = entity.name }
        }
        return names
    }
}
