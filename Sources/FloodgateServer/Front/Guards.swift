// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
package import FloodgateHTTP
import Synchronization

/// Keeps the server on its feet: limits by key and address, as many requests at once as it can bear, and memory.
///
/// Nothing here ever refuses what belongs to `Route.ShedClass.vital`.
package final class Guards: Sendable {
    /// How much is let through.
    struct Settings: Sendable {
        /// Requests with one key.
        var perKey = TokenBuckets.Rate(perSecond: 20_000, burst: 40_000)
        /// Requests from one address that show no good key.
        var strikes = TokenBuckets.Rate(perSecond: 20, burst: 100)
        /// Changes through the console API with one key.
        var changes = TokenBuckets.Rate(perSecond: 10, burst: 100)
        /// Bytes that the process may have resident.
        var memoryCeiling = 1 << 30
        /// Bounds of how many requests of one class may work at once.
        var concurrency = AdaptiveLimit.Bounds()
    }

    /// What limits how many requests work at once: their class, and evaluation for itself, since it never waits for the
    /// disk as events of the same class do.
    private enum Lane {
        static let count = Route.ShedClass.allCases.count + 1
        static let evaluation = Route.ShedClass.allCases.count
    }

    /// Bytes of request bodies, as sent.
    package let bodies: ByteBudget
    /// Bytes of request bodies while they are worked on unpacked.
    package let unpacked: ByteBudget
    private let settings: Settings
    private let buckets: TokenBuckets
    private let limits: [AdaptiveLimit]
    /// Resident memory in thousandths of the ceiling.
    private let memory = Atomic<Int>(0)
    private let refusals = Atomic<Int>(0)
    private let level = Mutex(ShedLevel())
    /// `level`, to be read by every request.
    private let firstShed = Atomic<Int>(Route.ShedClass.allCases.count)

    init(_ settings: Settings) {
        self.settings = settings
        bodies = ByteBudget(limit: settings.memoryCeiling / 4)
        unpacked = ByteBudget(limit: min(64 << 20, settings.memoryCeiling / 4), small: 1 << 20)
        buckets = TokenBuckets()
        limits = (0..<Lane.count).map { lane in
            var bounds = settings.concurrency
            switch Route.ShedClass(rawValue: lane) {
            // What waits for the disk together is written together: few at once would be slower, not faster.
            case .exposures, .events: bounds.least = min(bounds.start, bounds.least * 4)
            // Pages take long, and people do not ask for many.
            case .console, .diagnostics:
                bounds.start = min(bounds.start, bounds.least)
                bounds.least = min(bounds.least, 4)
            default: break
            }
            return AdaptiveLimit(bounds)
        }
    }

    /// There is more to do than can be done; by turns, half of those that are told so come again a second later.
    var overload: Refusal {
        let turn = refusals.add(1, ordering: .relaxed).oldValue
        return Self.overloads[turn & 1]
    }

    private static let overloads = [1, 2].map { seconds in
        var refusal = Refusal(
            503,
            "overloaded",
            "The server has more to do than it can; try again",
            fields: [.init("retry-after", String(seconds))]
        )
        refusal.slowsDown = true
        return refusal
    }

    // MARK: What is noted now and then

    /// Notes how much memory the process has resident.
    /// - Returns: Whether that is so much that new bodies are refused.
    @discardableResult
    package func note(residentBytes: Int) -> Bool {
        let thousandths = residentBytes / max(1, settings.memoryCeiling / 1_000)
        memory.store(thousandths, ordering: .relaxed)
        return thousandths >= Pressure.bodies
    }

    /// Refuses those that have waited too long for their turn, and thinks over which classes are let in at all.
    package func tick(at now: UInt64) {
        for limit in limits { limit.expire(at: now) }
        let refusing = limits.map { $0.takeRefusal() }
        var overloaded = Route.ShedClass.allCases.first { refusing[$0.rawValue] }
        if refusing[Lane.evaluation], overloaded.map({ $0.rawValue > Route.evaluationClass.rawValue }) ?? true {
            overloaded = Route.evaluationClass
        }
        let first = level.withLock { level in
            level.note(overloaded, at: now)
            return level.first
        }
        firstShed.store(first, ordering: .relaxed)
    }

    // MARK: Keys and addresses

    /// Counts a request without a good key against its address.
    /// - Throws: 429 when there were too many.
    func strike(_ address: ClientAddress?, at now: UInt64) throws(Refusal) {
        let outcome = buckets.take(address?.source ?? 1, settings.strikes, at: now)
        guard !outcome.isAllowed else { return }
        throw Refusal(
            429,
            "rate_limited",
            "Too many requests without a good key came from this address",
            fields: [.init("retry-after", String(Self.jittered(outcome.retryAfter)))]
        )
    }

    /// Whether a request with a good key may come in now.
    /// - Returns: What a good answer says of the limit, on native routes.
    /// - Throws: 429 to native routes beyond their rate, 503 to all others, since SDKs drop events after 429.
    func check(
        _ route: Route,
        _ shedClass: Route.ShedClass,
        caller: SDKKey?,
        changes: Bool,
        body: Int?,
        at now: UInt64
    ) throws(Refusal) -> [Refusal.Field] {
        guard shedClass != .vital else { return [] }
        if isShed(shedClass, body: body) { throw overload }
        if !isUnlimited(shedClass), limits[lane(route, shedClass)].isFull(at: now) { throw overload }
        guard let caller else { return [] }
        let number = caller.digest.number
        if route.isNative, changes {
            let outcome = buckets.take(number ^ 0x5EED, settings.changes, at: now)
            guard outcome.isAllowed else { throw tooMany(outcome, settings.changes) }
            return Self.fields(outcome, settings.changes)
        }
        let outcome = buckets.take(number, settings.perKey, at: now)
        guard outcome.isAllowed else {
            if route.isNative { throw tooMany(outcome, settings.perKey) }
            throw Refusal(
                503,
                "rate_limited",
                "Too many requests came with this key; try again",
                fields: [.init("retry-after", String(Self.jittered(outcome.retryAfter)))]
            )
        }
        return route.isNative ? Self.fields(outcome, settings.perKey) : []
    }

    /// Memory in thousandths of the ceiling from which on something is refused.
    private enum Pressure {
        static let bodies = 800
        static let streams = 900
        static let everything = 950
    }

    private func isShed(_ shedClass: Route.ShedClass, body: Int?) -> Bool {
        if shedClass.rawValue >= firstShed.load(ordering: .relaxed) { return true }
        if let body, !bodies.hasRoom(for: body) { return true }
        let used = memory.load(ordering: .relaxed)
        guard used >= Pressure.bodies else { return false }
        return body != nil || used >= Pressure.everything || used >= Pressure.streams && shedClass >= .streams
    }

    private func tooMany(_ outcome: TokenBuckets.Outcome, _ rate: TokenBuckets.Rate) -> Refusal {
        Refusal(
            429,
            "rate_limited",
            "Too many requests came with this key",
            fields: [.init("retry-after", String(Self.jittered(outcome.retryAfter)))] + Self.fields(outcome, rate)
        )
    }

    /// `RateLimit-Policy` and `RateLimit`, as the IETF's draft on them has it.
    private static func fields(_ outcome: TokenBuckets.Outcome, _ rate: TokenBuckets.Rate) -> [Refusal.Field] {
        let window = max(1, Int((rate.burst / rate.perSecond).rounded(.up)))
        return [
            .init("ratelimit-policy", "\"default\";q=\(Int(rate.burst));w=\(window)"),
            .init("ratelimit", "\"default\";r=\(outcome.left);t=\(outcome.retryAfter)"),
        ]
    }

    /// By chance up to half as long again, so that clients do not come back as one.
    private static func jittered(_ seconds: Int) -> Int {
        Int((Double(max(1, seconds)) * Double.random(in: 1...1.5)).rounded(.up))
    }

    // MARK: Turns

    /// Asks for a turn at the work of the class; `then` is told of one that comes later.
    func enter(
        _ route: Route,
        _ shedClass: Route.ShedClass,
        at now: UInt64,
        then: @escaping @Sendable (Turn) -> Void
    ) -> Turn {
        isUnlimited(shedClass) ? .now : limits[lane(route, shedClass)].enter(at: now, then: then)
    }

    /// Gives the turn back.
    func leave(_ route: Route, _ shedClass: Route.ShedClass, after nanoseconds: UInt64?, at now: UInt64) {
        guard !isUnlimited(shedClass) else { return }
        limits[lane(route, shedClass)].leave(after: nanoseconds.map { Int64(clamping: $0) }, at: now)
    }

    /// Vital work is never kept waiting, and streams would hold their places for ever.
    private func isUnlimited(_ shedClass: Route.ShedClass) -> Bool { shedClass == .vital || shedClass == .streams }

    private func lane(_ route: Route, _ shedClass: Route.ShedClass) -> Int {
        route.evaluates ? Lane.evaluation : shedClass.rawValue
    }

    /// How many requests may work at once, and do, by class.
    var state: [(name: String, limit: Int, running: Int)] {
        let names = Route.ShedClass.allCases.map { "\($0)" } + ["evaluation"]
        return zip(names, limits).map { (name: $0, limit: $1.limit, running: $1.running) }
    }
}
