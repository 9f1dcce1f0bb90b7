// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// How an export cuts the log into files; each default suits production.
package struct ExportOptions: Sendable, Hashable {
    /// The node whose log it is; names the files, so that many nodes can share a folder.
    package var node: String
    /// A file holds so many bytes of events as they were sent, about; 256 MiB by default.
    package var sizeBytes: Int64 = 256 << 20
    /// How long after its end an hour may still get events that go into its last file.
    package var grace: Duration = .seconds(300)
    /// Pause before an empty log is looked at again.
    package var pause: Duration = .seconds(1)
    /// Bytes of batches that are read from the log at a time, about.
    package var readBytes = 8 << 20
    /// Bytes of rows that are held in memory before they are written; 8 MiB by default.
    package var chunkBytes = 8 << 20
    /// The longest pause between two tries.
    package var longestPause: Duration = .seconds(30)

    /// Creates options with the defaults above.
    package init(node: String) { self.node = node }
}

/// What an export did since it was made, and how far it is.
package struct ExportReport: Sendable, Hashable {
    /// Up to which batch all is in files.
    package var position: Int64 = 0
    /// Files that were written.
    package var files: Int64 = 0
    /// Rows in them.
    package var rows: Int64 = 0
    /// Tries that failed, by the code of the error.
    package var failures: [String: Int64] = [:]
    /// Failures since the last success.
    package var failuresInARow = 0
    /// What was said at the last failure; nil after a success.
    package var lastError: String?
    /// When the first event arrived that is in no file, in Unix milliseconds; nil if none is known.
    package var waitingSince: Int64?

    /// Makes the report of an export that did nothing.
    package init() {}
}
