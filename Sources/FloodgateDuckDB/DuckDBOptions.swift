// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// How DuckDB is run; each default suits a small server that does other work too.
package struct DuckDBOptions: Sendable, Hashable {
    /// The folder of all files; made if it is not there.
    package var folder: String
    /// DuckDB's program; nil looks for `duckdb` in the folders of `PATH`.
    package var program: String?
    /// Threads of each child that answers questions.
    package var threads = 2
    /// Threads of the child that loads; a second takes a third more processor time for the same rows.
    package var loadingThreads = 1
    /// Bytes of memory that the child that loads may take; 1 GiB by default.
    package var loadingMemoryBytes: Int64 = 1 << 30
    /// How long one step of loading may take before its child is given up.
    package var loadingTime: Duration = .seconds(300)
    /// Questions that are answered at the same time, each by a child of its own.
    package var questions = 2
    /// Questions that may wait; one more is refused as over the limit.
    package var waitingQuestions = 32
    /// Small files of a day that are merged into one when there are so many.
    package var filesBeforeMerge = 32
    /// Files of this size are merged no more, and small ones are merged when there are as many bytes; 32 MiB by default,
    /// 0.8 million rows, which take some 240 MiB of memory then.
    package var mergedFileBytes: Int64 = 32 << 20
    /// An event that comes again counts once if it does within so many days.
    package var duplicateDays: Int32 = 7
    /// Records of blocks that are put into one file when there are so many.
    package var recordsBeforeBundle = 512
    /// For how many days behind its node's newest a block stays known, and in the ledger.
    package var knownDays: Int32 = 14

    /// Creates options with the defaults above.
    package init(folder: String) { self.folder = folder }
}
