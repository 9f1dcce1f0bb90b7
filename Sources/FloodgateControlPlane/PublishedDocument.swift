// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateSpecs

/// The config-specs document of one environment as it was published.
package struct PublishedDocument: Sendable, Hashable {
    /// The environment whose keys open it.
    package var environment: String
    /// Counts the environment's publications from 1.
    package var sequence: Int64
    /// What SDKs get; its time rises from one publication to the next, its checksum changes with the content.
    package var document: SpecDocument
}

/// A publication as it is kept.
package struct StoredSnapshot: Sendable, Hashable {
    /// How many of an environment's publications are kept.
    package static let keptPerEnvironment: Int64 = 100

    /// What it is known by.
    package var head: SnapshotHead
    /// The environment whose keys open it.
    package var environment: String
    /// The document's bytes in the v2 shape.
    package var content: [UInt8]

    package init(environment: String, head: SnapshotHead, content: [UInt8]) {
        self.environment = environment
        self.head = head
        self.content = content
    }
}

/// What a publication is known by.
package struct SnapshotHead: Sendable, Hashable {
    /// Counts the environment's publications from 1.
    package var sequence: Int64
    /// The document's time, in Unix milliseconds.
    package var time: Int64
    /// SHA-256 of the content without time and checksum, in hexadecimal: equal means that there is nothing to publish.
    package var contentHash: String

    package init(sequence: Int64, time: Int64, contentHash: String) {
        self.sequence = sequence
        self.time = time
        self.contentHash = contentHash
    }
}
