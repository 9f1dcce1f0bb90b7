// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// How large the core's program for a plain pattern would be, which decides whether the core accepts it.
///
/// The weights are fitted to the repetition counts at which statsig-python-core 0.24.0 begins to refuse; the estimate
/// is within a few percent of it for the usual classes.
enum CoreSize {
    /// Bytes; saturates far above any limit.
    static func estimate(_ node: Node) -> Int {
        switch node {
        case .empty, .keepOut, .groupTest, .backreference: 0
        case .assertion: 32
        case .set(let set): estimate(set)
        case .sequence(let nodes): nodes.reduce(0) { add($0, estimate($1)) }
        case .alternation(let nodes): nodes.reduce(32) { add(add($0, estimate($1)), 16) }
        case .capture(_, let child): captured(estimate(child))
        case .look(let child, _, _), .atomic(let child): estimate(child)
        case .repetition(let child, let minimum, let maximum, _):
            maximum == 0 ? 0 : multiply(add(estimate(child), maximum == minimum ? 0 : 40), max(maximum ?? minimum, 1))
        case .conditional(let condition, let then, let otherwise):
            add(add(estimate(condition), estimate(then)), estimate(otherwise))
        }
    }

    private static func estimate(_ set: ScalarSet) -> Int {
        guard let first = set.ranges.first, let last = set.ranges.last else { return 32 }
        if set.ranges.count == 1, first.lowerBound == first.upperBound {
            return 32
                * (first.lowerBound < 0x80 ? 1 : first.lowerBound < 0x800 ? 2 : first.lowerBound < 0x10000 ? 3 : 4)
        }
        if last.upperBound < 0x80 { return 72 }
        let count = set.ranges.count
        return 62 * count + min(500, 8 * count) + (last.upperBound == ScalarSet.maximum ? 900 : 0)
    }

    /// The core drops what cannot match anything but nothing, and the group around it.
    private static func captured(_ child: Int) -> Int { child == 0 ? 0 : add(child, 64) }

    private static func add(_ first: Int, _ second: Int) -> Int { min(first + second, 1 << 40) }

    private static func multiply(_ first: Int, _ second: Int) -> Int {
        let (product, overflows) = first.multipliedReportingOverflow(by: second)
        return overflows ? 1 << 40 : min(product, 1 << 40)
    }
}
