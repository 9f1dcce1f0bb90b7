// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Decides which of several addresses to ask.
///
/// The one that answered last; another while that one fails; the preferred one again after a while. Times are nanoseconds
/// on a clock that never jumps.
package struct AddressChoice: Sendable, Hashable {
    private struct Health: Sendable, Hashable {
        var failures = 0
        /// Until then it is asked only if nobody else is left.
        var retryAt = Int64.min
    }

    /// How long an address that failed is left alone at least.
    package static let shortestRest: Duration = .seconds(30)
    /// What is added to that at most, by chance, so that a fleet does not come back as one.
    package static let longestSpread: Duration = .seconds(300)
    /// How many addresses one request tries.
    package static let maxAttempts = 3

    private var health: [Health]
    /// The address that answered last; at first the preferred one.
    package private(set) var current = 0

    /// Makes a choice among `count` addresses, the preferred one first.
    package init(count: Int) { health = Array(repeating: Health(), count: count) }

    /// Which addresses to try now, and in which order.
    package func candidates(at now: Int64) -> [Int] {
        func rests(_ index: Int) -> Bool { health[index].failures > 0 && health[index].retryAt > now }
        var order: [Int] = []
        // One that is preferred to the current one and has rested: a probe with a way back.
        if let better = (0..<current).first(where: { !rests($0) }) { order.append(better) }
        if health.indices.contains(current), !rests(current) { order.append(current) }
        order += health.indices.filter { !order.contains($0) && !rests($0) }
        order += health.indices.filter { !order.contains($0) }.sorted { health[$0].retryAt < health[$1].retryAt }
        return Array(order.prefix(Self.maxAttempts))
    }

    /// The address answered: it is the current one from now on.
    package mutating func succeeded(_ index: Int) {
        guard health.indices.contains(index) else { return }
        health[index] = Health()
        current = index
    }

    /// The address did not answer well: it rests for 30 s and, by chance (`random` from 0 up to 1), up to 30 s more,
    /// which doubles with each failure to 5 minutes; longer if it said so itself.
    package mutating func failed(_ index: Int, at now: Int64, random: Double, retryAfter: Duration? = nil) {
        guard health.indices.contains(index) else { return }
        let doubling = min(health[index].failures, 10)
        let spread = min(Self.longestSpread, Self.shortestRest * (1 << doubling)) * random
        var rest = Self.shortestRest + spread
        if let retryAfter { rest = max(rest, retryAfter * (1 + random / 2)) }
        health[index].failures += 1
        health[index].retryAt = now &+ rest.nanoseconds
    }
}
