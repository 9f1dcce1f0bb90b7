// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateHTTP
import Synchronization

/// Keeps the server on its feet: limits by key and address, as many requests at once as it can bear, and memory.
final class Guards: Sendable {
    /// How much is let through.
    struct Settings: Sendable {
        /// Requests with one key.
        var perKey = TokenBuckets.Rate(perSecond: 20_000, burst: 40_000)
        /// Requests from one address that show no good key.
        var strikes = TokenBuckets.Rate(perSecond: 20, burst: 100)
        /// Changes through the console API with one key.
        var changes = TokenBuckets.Rate(perSecond: 10, burst: 100)
        /// Bytes that the process may have resident; 0 for no limit.
        var memoryCeiling = 0
    }

    static let overload = Refusal(
        503,
        "overloaded",
        "The server has more to do than it can; try again",
        fields: [.init("retry-after", "1")]
    )

    private let settings: Settings
    private let buckets: TokenBuckets
    private let limits: [AdaptiveLimit]
    /// Resident memory in thousandths of the ceiling.
    private let memory = Atomic<Int>(0)

    init(_ settings: Settings) {
        self.settings = settings
        buckets = TokenBuckets()
        limits = Route.ShedClass.allCases.map { _ in AdaptiveLimit() }
    }

    /// Notes how much memory the process has resident.
    func note(residentBytes: Int) {
        guard settings.memoryCeiling > 0 else { return }
        memory.store(residentBytes * 1_000 / settings.memoryCeiling, ordering: .relaxed)
    }

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
        caller: SDKKey?,
        changes: Bool,
        at now: UInt64
    ) throws(Refusal) -> [Refusal.Field] {
        try checkMemory(route)
        if route.shedClass != .vital, limits[route.shedClass.rawValue].isFull { throw Self.overload }
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

    private func checkMemory(_ route: Route) throws(Refusal) {
        let used = memory.load(ordering: .relaxed)
        guard used >= 800, route.shedClass != .vital else { return }
        let isRefused =
            used >= 950 || used >= 900 && route.shedClass.rawValue >= Route.ShedClass.streams.rawValue
            || route.body.limit > 1 << 20
        if isRefused { throw Self.overload }
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

    /// Waits for a turn at the work of the route's class.
    func enter(_ route: Route) async -> Bool {
        route.shedClass == .vital || route.shedClass == .streams ? true : await limits[route.shedClass.rawValue].enter()
    }

    /// Gives the turn back.
    func leave(_ route: Route, after time: Duration, wasBrokenOff: Bool) {
        guard route.shedClass != .vital, route.shedClass != .streams else { return }
        limits[route.shedClass.rawValue].leave(after: wasBrokenOff ? nil : Int64(time / .nanoseconds(1)))
    }

    /// How many requests of each class may work at once, and do.
    var state: [(shedClass: Route.ShedClass, limit: Int, running: Int)] {
        Route.ShedClass.allCases.map { ($0, limits[$0.rawValue].limit, limits[$0.rawValue].running) }
    }
}
