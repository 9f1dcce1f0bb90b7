// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON
package import FloodgateSnapshots

/// What a client does about its stream of changes: when to connect, when to give a connection up, when to poll besides.
///
/// Pure: times are nanoseconds on a clock that never jumps, chance is an argument, and somebody else connects. The
/// events are those of docs/wire.md.
package struct StreamMachine: Sendable {
    /// What an event asks for.
    package enum Action: Sendable, Hashable {
        case nothing
        /// Take this document.
        case install([UInt8])
        /// Ask for the document, after as much of the pause as chance says.
        case fetch(Announcement)
        /// Make the document of the one that is held.
        case apply(Change)
        /// Bring the ID lists up to date, after as much of the pause as chance says.
        case fetchLists(spread: Duration)
    }

    /// What leads from one document to the next.
    package struct Change: Sendable, Hashable {
        /// What makes the document of the one before it.
        package var delta: DocumentDelta
        /// What vouches for the document.
        package var seal: SnapshotSeal?
        /// What to do if the client holds another document.
        package var otherwise: Announcement
    }

    /// A newer document is to be had.
    package struct Announcement: Sendable, Hashable {
        /// Its time, in Unix milliseconds; 0 if unknown.
        package var time: UInt64
        /// Over how long the server wants its clients to spread.
        package var spread: Duration

        package init(time: UInt64, spread: Duration) {
            self.time = time
            self.spread = spread
        }
    }

    /// How a connection ended.
    package enum End: Sendable, Hashable {
        /// The server ended it as it should.
        case closed
        /// It broke, was silent for too long, or could not be made.
        case failed(retryAfter: Duration?)
        /// The server has no streams for this client.
        case refused(retryAfter: Duration?)
    }

    /// How long a connection may say nothing; servers say something every 25 s.
    package static let maxSilence: Duration = .seconds(75)
    /// After so many failures in a row the client polls besides.
    static let failuresBeforePolls = 3
    /// After so long without a stream the client polls besides.
    package static let absenceBeforePolls: Duration = .seconds(30)
    /// After so long a connection is taken for healthy: failures are forgotten, polls end.
    package static let health: Duration = .seconds(60)
    /// A server without streams is asked again after so long.
    package static let refusalPause: Duration = .seconds(600)
    /// Even with a stream a document is asked for so often, which heals whatever went wrong unnoticed.
    package static let fullFetchInterval: Duration = .seconds(600)
    static let basePause: Duration = .seconds(1)
    static let maxPause: Duration = .seconds(60)
    static let maxSpread: Duration = .seconds(300)

    private var failures = 0
    private var floor = Duration.zero
    private var base = Self.basePause
    private var isRefused = false
    private var openedAt: Int64?
    private var heardAt: Int64
    private var absentSince: Int64
    private var nextFullFetch: Int64
    private var pollsBesides = false

    /// Makes a machine that has not connected yet.
    package init(at now: Int64, random: Double) {
        heardAt = now
        absentSince = now
        nextFullFetch = now &+ Self.spread(Self.fullFetchInterval, random).nanoseconds
    }

    /// Whether there is a connection.
    package var isOpen: Bool { openedAt != nil }

    // MARK: Connections

    /// How long to wait before the next connection is made; `random` from 0 up to 1.
    package func pause(random: Double) -> Duration {
        if isRefused { return max(floor, Self.spread(Self.refusalPause, random)) }
        guard failures > 0 else { return .zero }
        let limit = min(Self.maxPause, base * (1 << min(failures - 1, 16)))
        return limit * random + floor * (1 + random / 2)
    }

    /// A connection was made.
    package mutating func opened(at now: Int64) {
        openedAt = now
        heardAt = now
        isRefused = false
        floor = .zero
    }

    /// Something came over the connection.
    package mutating func heard(at now: Int64) { heardAt = now }

    /// How much longer the connection may be silent; zero when it is to be given up.
    package func patience(at now: Int64) -> Duration {
        max(.zero, Self.maxSilence - .nanoseconds(now &- heardAt))
    }

    /// The connection is over, or was none.
    package mutating func ended(_ end: End, at now: Int64) {
        if let openedAt {
            if now &- openedAt >= Self.health.nanoseconds { failures = 0 }
            absentSince = now
        }
        openedAt = nil
        // One that ends well and soon counts like one that fails, or a server could make its clients spin.
        failures += 1
        switch end {
        case .closed: break
        case .failed(let retryAfter):
            isRefused = false
            floor = retryAfter ?? .zero
        case .refused(let retryAfter):
            isRefused = true
            floor = retryAfter ?? .zero
            pollsBesides = true
        }
    }

    // MARK: Events

    /// What to do about `item`, for a client that holds `held`.
    package mutating func received(_ item: EventStreamParser.Item, holding held: (time: UInt64, checksum: String)?)
        -> Action
    {
        switch item {
        case .comment: return .nothing
        case .retry(let milliseconds):
            base = min(max(.milliseconds(milliseconds), .milliseconds(100)), Self.maxPause)
            return .nothing
        case .event(let event):
            switch event.name {
            case "specs": return .install(event.data)
            case "version": return Self.news(in: event.data, holding: held).map { .fetch($0.announcement) } ?? .nothing
            case "delta":
                guard let news = Self.news(in: event.data, holding: held) else { return .nothing }
                guard let delta = DocumentDelta(json: news.object) else { return .fetch(news.announcement) }
                let seal = news.object["seal"]?.objectValue.flatMap(SnapshotSeal.init(json:))
                return .apply(Change(delta: delta, seal: seal, otherwise: news.announcement))
            case "id_lists":
                let object = (try? JSONValue(parsing: event.data))?.objectValue
                return .fetchLists(spread: Self.spread(in: object ?? [:]))
            default: return .nothing
            }
        }
    }

    private static func spread(in object: JSONObject) -> Duration {
        min(.milliseconds(max(0, object["spread_ms"]?.integerValue ?? 0)), maxSpread)
    }

    /// What `data` says of a document that the client has not got; nil if it has that or a newer one.
    private static func news(
        in data: [UInt8],
        holding held: (time: UInt64, checksum: String)?
    ) -> (object: JSONObject, announcement: Announcement)? {
        guard let object = (try? JSONValue(parsing: data))?.objectValue else { return nil }
        let time = object["time"]?.integerValue.flatMap { UInt64(exactly: $0) } ?? 0
        if let held {
            let checksum = object["checksum"]?.stringValue ?? ""
            if !checksum.isEmpty ? checksum == held.checksum : time > 0 && time == held.time { return nil }
            if time > 0, time < held.time { return nil }
        }
        return (object, Announcement(time: time, spread: spread(in: object)))
    }

    // MARK: Polls

    /// Whether a poll is due now although streams are wanted.
    package mutating func needsPoll(at now: Int64) -> Bool {
        if let openedAt {
            if now &- openedAt >= Self.health.nanoseconds { pollsBesides = false }
        } else if failures >= Self.failuresBeforePolls || now &- absentSince >= Self.absenceBeforePolls.nanoseconds {
            pollsBesides = true
        }
        return pollsBesides || now >= nextFullFetch
    }

    /// A poll was made.
    package mutating func polled(at now: Int64, random: Double) {
        nextFullFetch = now &+ Self.spread(Self.fullFetchInterval, random).nanoseconds
    }

    /// `interval`, give or take 20 %.
    private static func spread(_ interval: Duration, _ random: Double) -> Duration { interval * (0.8 + 0.4 * random) }
}
