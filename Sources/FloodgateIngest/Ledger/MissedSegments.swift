// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Which segments of a log the warehouse has not, although the broker holds nothing of them any more: they are sent again.
package struct MissedSegments: Sendable {
    /// Those of the last look.
    private var missed: Set<Int64> = []
    /// What was sent again already: if it does not help once, somebody has to look.
    private var sent: Set<Int64> = []

    /// Begins without any.
    package init() {}

    /// Takes in a comparison.
    /// - Returns: The segments to send again: those that are missed for the second time in a row, each once.
    package mutating func saw(_ report: LedgerReport) -> Set<Int64> {
        let now = Set(report.gaps.filter(\.isMissing).map(\.segment))
        let found = now.intersection(missed).subtracting(sent)
        missed = now
        sent.formUnion(found)
        return found
    }
}

extension LedgerReport.Line {
    fileprivate var isMissing: Bool {
        switch gap {
        case .missing, .otherEvents: true
        case .surplus, .unexplained, nil: false
        }
    }
}
