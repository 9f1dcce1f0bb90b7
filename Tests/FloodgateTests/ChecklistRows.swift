// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Testing

/// Names the rows of the SDK behaviour checklist that a test stands for.
struct ChecklistRows: TestTrait {
    let rows: String

    /// Shown with the test's failures.
    var comments: [Comment] { [Comment(rawValue: "Checklist: \(rows)")] }
}

extension Trait where Self == ChecklistRows {
    /// The rows, separated by commas.
    static func rows(_ rows: String) -> Self { ChecklistRows(rows: rows) }
}
