// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Which SDKs one event loop has seen lately, so that a poll like the one before it costs a lookup and tells nobody.
struct SeenInstances {
    private struct Entry {
        var held: UInt64
        var offered: UInt64?
        var at: UInt64
    }

    /// After so many nanoseconds a poll is news all the same: that its SDK is still there.
    private static let interval: UInt64 = 20_000_000_000
    private static let capacity = 50_000

    private var entries: [Int: Entry] = [:]

    /// Whether the poll of `session` by the key with `number` is worth telling of, at `now` in monotonic nanoseconds.
    mutating func isNews(
        _ session: UnsafeRawBufferPointer,
        of number: UInt64,
        holding held: UInt64,
        offered: UInt64?,
        at now: UInt64
    ) -> Bool {
        var hasher = Hasher()
        hasher.combine(bytes: session)
        hasher.combine(number)
        let hash = hasher.finalize()
        if let known = entries[hash], known.held == held, known.offered == offered, now &- known.at < Self.interval {
            return false
        }
        // Sessions come and go; whoever is still there is soon known again.
        if entries.count >= Self.capacity { entries.removeAll(keepingCapacity: true) }
        entries[hash] = Entry(held: held, offered: offered, at: now)
        return true
    }
}
