// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Token buckets for very many keys in bounded memory.
///
/// Each bucket is one number, the time at which it will be full again (the generic cell rate algorithm), so a full one
/// need not be kept at all. Where more buckets are in use than there is room for, those that find none share one.
package final class TokenBuckets: Sendable {
    /// How much and how fast.
    package struct Rate: Sendable, Hashable {
        /// Tokens that flow in each second.
        package let perSecond: Double
        /// Tokens that a full bucket holds.
        package let burst: Double

        /// A rate; both numbers are above 0.
        package init(perSecond: Double, burst: Double) {
            self.perSecond = perSecond
            self.burst = burst
        }

        var interval: Double { 1e9 / perSecond }
        var depth: Double { burst * interval }
    }

    /// What became of a wish for a token.
    package struct Outcome: Sendable, Hashable {
        /// Whether there was one.
        package let isAllowed: Bool
        /// How many whole tokens are left.
        package let left: Int
        /// In how many seconds there is one again, rounded up; 0 if there was one.
        package let retryAfter: Int
    }

    private struct Entry {
        var key: UInt64 = 0
        /// When the bucket is full again, in nanoseconds.
        var full: UInt64 = 0
    }

    private static let ways = 8
    private static let stripes = 64

    private struct Stripe {
        var entries: [Entry]
        /// The bucket of all that find no room here.
        var overflow = Entry()
    }

    private let stripeList: [Mutex<Stripe>.Box]
    private let setsInStripe: Int
    private let seed = UInt64.random(in: 0...UInt64.max)

    /// - Parameter capacity: How many buckets that are not full can be told apart.
    package init(capacity: Int = 1 << 20) {
        setsInStripe = max(1, capacity / (Self.ways * Self.stripes))
        let count = setsInStripe * Self.ways
        stripeList = (0..<Self.stripes).map { _ in
            Mutex<Stripe>.Box(Stripe(entries: Array(repeating: Entry(), count: count)))
        }
    }

    /// Puts a token back that was taken from the bucket of `key`.
    package func giveBack(_ key: UInt64, _ rate: Rate, at now: UInt64) {
        let place = place(of: key)
        stripeList[place.stripe].mutex.withLock { stripe in
            let found = (place.first..<(place.first + Self.ways)).first { stripe.entries[$0].key == place.mark }
            // One that found no room took it from the bucket of all those.
            guard let found else { return Self.giveBack(&stripe.overflow, rate, now) }
            Self.giveBack(&stripe.entries[found], rate, now)
        }
    }

    private static func giveBack(_ entry: inout Entry, _ rate: Rate, _ now: UInt64) {
        guard entry.full > now else { return }
        entry.full -= min(entry.full - now, UInt64(rate.interval))
    }

    private func place(of key: UInt64) -> (stripe: Int, first: Int, mark: UInt64) {
        var hash = (key ^ seed) &* 0x9E37_79B9_7F4A_7C15
        hash ^= hash >> 29
        hash = hash &* 0xBF58_476D_1CE4_E5B9
        hash ^= hash >> 32
        let first = Int(truncatingIfNeeded: (hash >> 8) % UInt64(setsInStripe)) * Self.ways
        return (Int(truncatingIfNeeded: hash >> 58), first, hash | 1)
    }

    /// Takes a token from the bucket of `key`.
    /// - Parameters:
    ///   - key: Whose bucket; a hash of an address or an SDK key.
    ///   - rate: The same for the same key at all times.
    ///   - now: A monotonic clock, in nanoseconds.
    /// - Returns: Whether there was one.
    package func take(_ key: UInt64, _ rate: Rate, at now: UInt64) -> Outcome {
        let place = place(of: key)
        let (first, mark) = (place.first, place.mark)
        return stripeList[place.stripe].mutex.withLock { stripe in
            var free = -1
            for place in first..<(first + Self.ways) {
                if stripe.entries[place].key == mark { return Self.take(&stripe.entries[place], rate, now) }
                if stripe.entries[place].full <= now { free = place }
            }
            guard free >= 0 else { return Self.take(&stripe.overflow, rate, now) }
            stripe.entries[free] = Entry(key: mark, full: 0)
            return Self.take(&stripe.entries[free], rate, now)
        }
    }

    private static func take(_ entry: inout Entry, _ rate: Rate, _ now: UInt64) -> Outcome {
        let missing = Double(max(entry.full, now) - now) + rate.interval
        guard missing <= rate.depth else {
            let seconds = (missing - rate.depth) / 1e9
            return Outcome(isAllowed: false, left: 0, retryAfter: max(1, Int(seconds.rounded(.up))))
        }
        entry.full = now &+ UInt64(missing)
        return Outcome(isAllowed: true, left: Int((rate.depth - missing) / rate.interval), retryAfter: 0)
    }
}

extension Mutex where Value: ~Copyable {
    /// A mutex that can be an element of an array.
    final class Box: Sendable {
        let mutex: Mutex

        init(_ value: consuming sending Value) { mutex = Mutex(value) }
    }
}
