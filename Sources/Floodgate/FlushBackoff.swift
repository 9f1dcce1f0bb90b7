// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// How long to wait between attempts to send events: 1 s, doubled by each failure up to 60 s, halved by each success.
package struct FlushBackoff: Sendable, Hashable {
    private static let shortest: Duration = .seconds(1)
    private static let longest: Duration = .seconds(60)

    package private(set) var interval = Self.shortest

    /// Begins with the shortest pause.
    package init() {}

    /// Whether the last attempts failed, so that nothing is sent before its time.
    package var isActive: Bool { interval > Self.shortest }

    package mutating func failed() { interval = min(interval * 2, Self.longest) }

    package mutating func succeeded() { interval = max(interval / 2, Self.shortest) }
}
