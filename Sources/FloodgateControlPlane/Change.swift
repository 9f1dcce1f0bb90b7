// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Who wants a change, and why.
package struct Change: Sendable, Hashable {
    /// A person or a program, as audit records name it, such as `cli:ana`.
    package var actor: String
    /// Why, in the author's words.
    package var reason: String?

    package init(actor: String, reason: String? = nil) {
        self.actor = actor
        self.reason = reason
    }
}

/// What came of a change to one gate.
package struct GateChange: Sendable {
    /// The gate as it is now.
    package var gate: Entity
    /// False if it was so already, in which case nothing was written.
    package var didChange: Bool
}

/// What an import did.
package struct ImportSummary: Sendable {
    /// How many entities of each kind the document holds.
    package var counts: [EntityKind: Int] = [:]
    /// Entities that are new.
    package var added = 0
    /// Entities that were there and are different now.
    package var changed = 0
    /// Entities that the document does not hold and that are gone now.
    package var removed = 0
    /// Entities that were there already, just so.
    package var unchanged = 0
    /// What is legal but probably not meant, each with its place.
    package var warnings: [String] = []
    /// Whether anything was written.
    package var didChange = false

    /// The entities of the document.
    package var total: Int { counts.values.reduce(0, +) }
}
