// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateConsole
import FloodgateControlPlane
import FloodgateEvents
import FloodgateIngest
import FloodgateJSON
import HTTPTypes
import Hummingbird
import NIOCore
import ServiceLifecycle
import Synchronization

extension ConsoleRoutes {
    /// `GET /console/live`: server-sent events, each a JSON list of the rows that arrived since the last one.
    ///
    /// 200; with `all=1` custom events as well as exposures; ends at once if too many watch already. An event's id is the
    /// place in the log that it reaches to: with `after`, or with the browser's `Last-Event-ID` when it comes back, the
    /// stream begins with what was logged since.
    @Sendable func stream(_ request: Request, _ context: ConsoleContext) async throws -> Response {
        let onlyExposures = request.uri.queryParameters.get("all") != "1"
        // A text that is no filter shows everything; the page says what is wrong with it.
        let filter = (try? EventFilter(request.formField("filter") ?? "")) ?? EventFilter()
        let start = max(
            request.uri.queryParameters.get("after", as: Int64.self) ?? 0,
            request.headers[.lastEventID].flatMap { Int64($0) } ?? 0
        )
        return Response(
            status: .ok,
            headers: [
                .contentType: "text/event-stream", .cacheControl: "no-store",
                .accelBuffering: "no",
            ],
            body: ResponseBody { writer in
                // Not earlier: an answer whose body is never asked for would keep its place for good.
                guard let subscription = feed.subscribe(capacity: 1000) else {
                    try await writer.write(ByteBuffer(string: "retry: 15000\n\n"))
                    try await writer.finish(nil)
                    return
                }
                defer { subscription.cancel() }
                try await writer.write(ByteBuffer(string: "retry: 2000\n\n"))
                let recent = RecentRows(limit: 100)
                // After subscribing, so that nothing falls between what is read and what is then heard of.
                let known =
                    start > 0 ? await catchUp(from: start, onlyExposures: onlyExposures, filter, into: recent) : 0
                await withTaskGroup { group in
                    group.addTask {
                        for await event in subscription.events where event.position > known {
                            recent.add(row(event, onlyExposures: onlyExposures, filter), at: event.position)
                        }
                        recent.end()
                    }
                    // Ends when the reader is gone (a write throws) or its key is, the feed ends, or the server stops.
                    try? await send(recent, of: subscription, to: &writer, while: context.isStillWelcome)
                    subscription.cancel()
                    group.cancelAll()
                }
                try await writer.finish(nil)
            }
        )
    }

    @concurrent private func send(
        _ recent: RecentRows,
        of subscription: LiveSubscription,
        to writer: inout any ResponseBodyWriter,
        while isStillWelcome: @Sendable () -> Bool
    ) async throws {
        var silence = 0
        var missed = feed.counts.unsampled + subscription.dropped
        while !Task.isShuttingDownGracefully, isStillWelcome() {
            try await Task.sleep(for: .milliseconds(200))
            let (rows, position, hidden, hasEnded) = recent.take()
            let missedNow = feed.counts.unsampled + subscription.dropped
            let dropped = missedNow - missed + hidden
            missed = missedNow
            if dropped > 0 { try await writer.write(ByteBuffer(string: "event: dropped\ndata: \(dropped)\n\n")) }
            silence += 1
            if !rows.isEmpty {
                let names = await ruleNames()
                let list = JSONValue.array(rows.map { $0.named(by: names).json(base: settings.pathPrefix) })
                try await writer.write(ByteBuffer(string: "id: \(position)\ndata: \(list.text)\n\n"))
                silence = 0
            } else if silence >= 50 {
                // Tells a reader that is gone from one that nothing happens to.
                try await writer.write(ByteBuffer(string: ":\n\n"))
                silence = 0
            }
            if hasEnded { return }
        }
    }

    private func row(_ arrived: LiveEvent, onlyExposures: Bool, _ filter: EventFilter) -> ArrivedEvent? {
        guard arrived.environment == environment,
            filter.shows(arrived.event, environment: arrived.environment, keyKind: arrived.keyKind)
        else { return nil }
        return ArrivedEvent(arrived.event, receivedAt: arrived.receivedAt, onlyExposures: onlyExposures)
    }

    /// Reads what was logged after `start`, at most 100 batches, and answers how far it came.
    private func catchUp(
        from start: Int64,
        onlyExposures: Bool,
        _ filter: EventFilter,
        into recent: RecentRows
    ) async -> Int64 {
        var position = start
        for _ in 0..<100 {
            guard let batch = try? await eventLog.read(after: position, limit: 1).first else { break }
            position = batch.id
            guard batch.environment == environment, batch.rawSizeBytes < 1 << 20,
                let events = try? batch.unpack().events.suffix(1000)
            else { continue }
            for event in events
            where filter.shows(event, environment: batch.environment, keyKind: batch.keyKind) {
                let row = ArrivedEvent(event, receivedAt: batch.receivedAt, onlyExposures: onlyExposures)
                recent.add(row, at: position)
            }
        }
        return position
    }

    /// The newest 50 events of the log, newest first, and the place in the log that they reach to; none if the log
    /// cannot be read.
    func recentEvents(
        onlyExposures: Bool,
        _ filter: EventFilter = EventFilter()
    ) async -> (rows: [ArrivedEvent], position: Int64) {
        var rows: [ArrivedEvent] = []
        var last: Int64 = 0
        do {
            var position = try await eventLog.counts().lastPosition
            last = position
            var looked = 0
            while position > 0, rows.count < 50, looked < 25 {
                guard let batch = try await eventLog.read(after: position - 1, limit: 1).first else { break }
                guard batch.id == position, batch.rawSizeBytes < 1 << 20 else { break }
                if batch.environment == environment {
                    let events = try batch.unpack().events.suffix(1000).reversed()
                    rows += events.compactMap { event in
                        guard filter.shows(event, environment: batch.environment, keyKind: batch.keyKind) else {
                            return nil
                        }
                        return ArrivedEvent(event, receivedAt: batch.receivedAt, onlyExposures: onlyExposures)
                    }
                }
                position -= 1
                looked += 1
            }
        } catch {
            return (rows, last)
        }
        let names = await ruleNames()
        return (rows.prefix(50).map { $0.named(by: names) }, last)
    }

    /// What rules are called; nothing if the store cannot be read, so that ids are shown.
    private func ruleNames() async -> RuleNames {
        do { return RuleNames(try await control.entities()) } catch { return RuleNames([]) }
    }
}

extension ArrivedEvent {
    /// A row of `event`; nil for what the SDK notes for itself, and for what was not asked for.
    init?(_ event: Event, receivedAt: Int64, onlyExposures: Bool) {
        guard let exposure = Exposure(event) else {
            guard !onlyExposures, !event.isInternal else { return nil }
            let value = event.value.map { $0.stringValue ?? ($0.isNull ? "" : $0.text) } ?? ""
            self.init(
                time: receivedAt,
                kind: .custom,
                name: event.name,
                value: value,
                rule: "",
                unit: event.unitID ?? "–"
            )
            return
        }
        let kind: Kind
        let value: String
        switch exposure.kind {
        case .gate(let passes): (kind, value) = (.gate, passes.map { String($0) } ?? "")
        case .config: (kind, value) = (.config, "")
        case .layer(let parameter, _, _): (kind, value) = (.layer, parameter)
        }
        self.init(
            time: receivedAt,
            kind: kind,
            name: exposure.name,
            value: value,
            rule: exposure.ruleID,
            unit: exposure.unitID ?? "–",
            reason: exposure.reason ?? ""
        )
    }
}

/// The newest rows that were not sent yet.
private final class RecentRows: Sendable {
    private let state = Mutex<(rows: [ArrivedEvent], position: Int64, hidden: Int64, hasEnded: Bool)>(
        ([], 0, 0, false)
    )
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    /// Takes note of an event at a place in the log; one without a row is not shown.
    func add(_ row: ArrivedEvent?, at position: Int64) {
        state.withLock { state in
            state.position = max(state.position, position)
            guard let row else { return }
            state.rows.append(row)
            guard state.rows.count > 2 * limit else { return }
            state.hidden += Int64(state.rows.count - limit)
            state.rows.removeFirst(state.rows.count - limit)
        }
    }

    func end() { state.withLock { $0.hasEnded = true } }

    /// The rows, oldest first, how far in the log they reach, how many are left out, and whether none will follow.
    func take() -> (rows: [ArrivedEvent], position: Int64, hidden: Int64, hasEnded: Bool) {
        state.withLock { state in
            defer {
                state.rows.removeAll(keepingCapacity: true)
                state.hidden = 0
            }
            let hidden = state.hidden + Int64(max(0, state.rows.count - limit))
            return (Array(state.rows.suffix(limit)), state.position, hidden, state.hasEnded)
        }
    }
}

extension HTTPField.Name {
    /// What a browser says when it comes back to a stream of events: the id of the last one that it got.
    fileprivate static let lastEventID = HTTPField.Name("last-event-id") ?? .server
}
