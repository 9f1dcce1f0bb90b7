// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// How large a pattern may be, and how long the kinds that cannot be linear may search; each default suits production.
public struct PatternLimits: Sendable, Hashable {
    /// Bytes of UTF-8 in a pattern.
    public var patternBytes = 65_536
    /// Instructions after counted repetitions are written out; the time for one scalar of text is proportional to it.
    public var instructions = 24_576
    /// Sets of scalars that differ from each other.
    public var distinctSets = 2_048
    /// Bytes that the core's own program may take by our estimate of it, beyond which it refuses a pattern.
    public var coreProgramBytes = 10_485_760
    /// Steps that a pattern with back-references may take whatever the text's length.
    public var baseSteps = 100_000
    /// Steps that it may take besides for each scalar of the text.
    public var stepsPerScalar = 1_000
    /// Steps that it may never exceed; then, as when the core gives up, the text does not match.
    public var maximumSteps = 5_000_000
    /// Bytes for tables over the text, which look-around and atomic groups need; beyond it the text does not match.
    public var tableBytes = 67_108_864

    /// Creates limits with the defaults above.
    public init() {}
}
