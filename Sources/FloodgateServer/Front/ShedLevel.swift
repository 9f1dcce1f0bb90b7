// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// From which class on requests are refused because a more important one has more to do than it can.
///
/// One class more goes in each step of overload, the least important first, and one comes back in each step of calm.
/// The class that has too much to do is never refused as a whole: its own limit says how much of it is let in.
package struct ShedLevel: Sendable {
    /// How long a step is, in nanoseconds.
    package static let step: UInt64 = 250_000_000

    /// Classes of this number and above are refused.
    package private(set) var first = Route.ShedClass.allCases.count
    private var changedAt: UInt64 = 0

    /// Nothing is refused yet.
    package init() {}

    /// Notes the most important class that had to refuse something since the last time; nil if none had to.
    package mutating func note(_ overloaded: Route.ShedClass?, at now: UInt64) {
        guard now &- changedAt >= Self.step else { return }
        let goal = overloaded.map { $0.rawValue + 1 } ?? Route.ShedClass.allCases.count
        guard goal != first else { return }
        first += goal < first ? -1 : 1
        changedAt = now
    }
}
