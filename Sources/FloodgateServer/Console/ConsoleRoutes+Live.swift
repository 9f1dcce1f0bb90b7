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
    /// 200; with `all=1` custom events as well as exposures; ends at once if too many watch already.
    @Sendable func stream(_ request: Request, _ context: ConsoleContext) async throws -> Response {
        let onlyExposures = request.uri.queryParameters.get("all") != "1"
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
                await withTaskGroup { group in
                    group.addTask {
                        for await event in subscription.events {
                            if let row = row(event, onlyExposures: onlyExposures) { recent.add(row) }
                        }
                        recent.end()
                    }
                    // Ends when the reader is gone (a write throws), the feed ends, or the server stops.
                    try? await send(recent, to: &writer)
                    subscription.cancel()
                    group.cancelAll()
                }
                try await writer.finish(nil)
            }
        )
    }

    @concurrent private func send(_ recent: RecentRows, to writer: inout any ResponseBodyWriter) async throws {
        var silence = 0
        while !Task.isShuttingDownGracefully {
            try await Task.sleep(for: .milliseconds(200))
            let (rows, hasEnded) = recent.take()
            silence += 1
            if !rows.isEmpty {
                let names = await ruleNames()
                let list = JSONValue.array(rows.map { $0.named(by: names).json(base: settings.pathPrefix) })
                try await writer.write(ByteBuffer(string: "data: \(list.text)\n\n"))
                silence = 0
            } else if silence >= 50 {
                // Tells a reader that is gone from one that nothing happens to.
                try await writer.write(ByteBuffer(string: ":\n\n"))
                silence = 0
            }
            if hasEnded { return }
        }
    }

    private func row(_ arrived: LiveEvent, onlyExposures: Bool) -> ArrivedEvent? {
        guard arrived.environment == environment else { return nil }
        return ArrivedEvent(arrived.event, receivedAt: arrived.receivedAt, onlyExposures: onlyExposures)
    }

    /// The newest 50 events of the log, newest first; none if the log cannot be read.
    func recentEvents(onlyExposures: Bool) async -> [ArrivedEvent] {
        var rows: [ArrivedEvent] = []
        do {
            var position = try await eventLog.counts().lastPosition
            var looked = 0
            while position > 0, rows.count < 50, looked < 25 {
                guard let batch = try await eventLog.read(after: position - 1, limit: 1).first else { break }
                guard batch.id == position, batch.rawSizeBytes < 1 << 20 else { break }
                if batch.environment == environment {
                    let events = try batch.unpack().events.suffix(1000).reversed()
                    rows += events.compactMap {
                        ArrivedEvent($0, receivedAt: batch.receivedAt, onlyExposures: onlyExposures)
                    }
                }
                position -= 1
                looked += 1
            }
        } catch {
            return rows
        }
        let names = await ruleNames()
        return rows.prefix(50).map { $0.named(by: names) }
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
            unit: exposure.unitID ?? "–"
        )
    }
}

/// The newest rows that were not sent yet.
private final class RecentRows: Sendable {
    private let state = Mutex<(rows: [ArrivedEvent], hasEnded: Bool)>(([], false))
    private let limit: Int

    init(limit: Int) { self.limit = limit }

    func add(_ row: ArrivedEvent) {
        state.withLock { state in
            state.rows.append(row)
            if state.rows.count > 2 * limit { state.rows.removeFirst(state.rows.count - limit) }
        }
    }

    func end() { state.withLock { $0.hasEnded = true } }

    /// The rows, oldest first, and whether none will follow.
    func take() -> (rows: [ArrivedEvent], hasEnded: Bool) {
        state.withLock { state in
            defer { state.rows.removeAll(keepingCapacity: true) }
            return (Array(state.rows.suffix(limit)), state.hasEnded)
        }
    }
}

extension HTTPField.Name {
    /// Asks proxies of nginx's kind to pass every piece on at once.
    fileprivate static let accelBuffering = HTTPField.Name("x-accel-buffering") ?? .server
}
