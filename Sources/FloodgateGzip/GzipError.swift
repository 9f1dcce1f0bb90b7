// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Why bytes could not be compressed or decompressed.
package struct GzipError: Error, Hashable, Sendable {
    /// What kind of failure it is; stable, since statuses and metrics hang on it.
    package enum Code: String, Sendable {
        /// The input ends before its compressed data does.
        case truncated
        /// The input is neither gzip nor zlib data, or its checksum does not agree with its content.
        case corrupt
        /// The output would be longer than the limit.
        case tooLarge
        /// There are bytes behind the end of the compressed data that do not begin another gzip member.
        case trailingData
        /// The library had no memory for its state.
        case outOfMemory
    }

    /// What kind of failure it is.
    package var code: Code
    /// What was found and what to do about it.
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }
}
