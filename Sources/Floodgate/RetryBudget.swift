// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// How many requests a client may repeat: one a second and one for every ten that are no repetition, so that clients do
/// not finish off servers which struggle.
package struct RetryBudget: Sendable, Hashable {
    /// Repetitions that a quiet time saves up.
    package static let capacity = 5.0

    private var tokens = Self.capacity
    private var time: Int64?

    /// Makes a full budget.
    package init() {}

    /// A request is made that repeats nothing; `now` in nanoseconds on a clock that never jumps.
    package mutating func request(at now: Int64) {
        refill(now)
        tokens = min(tokens + 0.1, Self.capacity)
    }

    /// Takes what one repetition costs; false if there is not enough, and then nothing is to be repeated.
    package mutating func takesRetry(at now: Int64) -> Bool {
        refill(now)
        guard tokens >= 1 else { return false }
        tokens -= 1
        return true
    }

    private mutating func refill(_ now: Int64) {
        let seconds = Double(max(0, now &- (time ?? now))) / 1e9
        tokens = min(tokens + seconds, Self.capacity)
        time = now
    }
}
