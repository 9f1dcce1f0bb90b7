// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What the loaders of a partition tell each other: one writes it, in the place of what it has read, and the others find out.
package struct TransportNote: Sendable, Hashable {
    /// What was written.
    package var text: String
    /// Rises with each note; 0 if there is none.
    package var version: UInt64

    package init(text: String = "", version: UInt64 = 0) {
        self.text = text
        self.version = version
    }
}
