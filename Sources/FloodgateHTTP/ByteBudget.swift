// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Bytes that all requests of the process together may hold.
///
/// The last quarter is kept for requests that hold little, so that a few large ones, or many that never end, cannot
/// keep the small ones out.
package final class ByteBudget: Sendable {
    /// Bytes in all.
    package let limit: Int
    /// A request that holds no more than this may have of the last quarter, too.
    package let small: Int
    private let taken = Atomic<Int>(0)

    /// A budget of `limit` bytes, of which nothing is taken.
    package init(limit: Int, small: Int = 64 << 10) {
        self.limit = limit
        self.small = small
    }

    /// Bytes that are held now; never more than `limit`.
    package var used: Int { taken.load(ordering: .relaxed) }

    /// Whether a request of `count` bytes would find room now.
    package func hasRoom(for count: Int) -> Bool { count <= bound(for: count) - used }

    /// The share of one request, which holds nothing yet.
    package func lease() -> Lease { Lease(self) }

    private func bound(for count: Int) -> Int { count <= small ? limit : limit - limit / 4 }

    /// What one request holds; it is given back when nobody has the lease any more.
    package final class Lease: Sendable {
        private let budget: ByteBudget
        private let held = Atomic<Int>(0)

        fileprivate init(_ budget: ByteBudget) { self.budget = budget }

        /// Takes `count` bytes more; false, and nothing taken, if there is no room for them.
        package func take(_ count: Int) -> Bool {
            let bound = budget.bound(for: held.load(ordering: .relaxed) + count)
            var taken = budget.taken.load(ordering: .relaxed)
            while true {
                guard count <= bound - taken else { return false }
                let (isDone, found) = budget.taken.weakCompareExchange(
                    expected: taken,
                    desired: taken + count,
                    ordering: .relaxed
                )
                if isDone { break }
                taken = found
            }
            held.add(count, ordering: .relaxed)
            return true
        }

        deinit { budget.taken.subtract(held.load(ordering: .relaxed), ordering: .relaxed) }
    }
}
