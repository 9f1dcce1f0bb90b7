// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import Testing

/// Names the rows of the SDK behaviour checklist that a test stands for.
package struct ChecklistRows: TestTrait {
    let rows: String

    /// Shown with the test's failures.
    package var comments: [Comment] { [Comment(rawValue: "Checklist: \(rows)")] }
}

extension Trait where Self == ChecklistRows {
    /// The rows, separated by commas.
    package static func rows(_ rows: String) -> Self { ChecklistRows(rows: rows) }
}
