// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// How large a document and what belongs to it may be for a reader; who publishes keeps to half of it (SNAP-5), so that
/// no document is ever published that a reader cannot take.
public enum SnapshotLimits {
    // MARK: What readers take

    /// Bytes of a document.
    public static let payloadBytes = 20 << 20
    /// Gates, configs, experiments and layers together.
    public static let entities = 20_000
    /// Rules of one of them.
    public static let rules = 200
    /// Conditions of one of them, in all of its rules.
    public static let conditions = 2_000
    /// Entries of a list in one condition.
    public static let listEntries = 200_000
    /// How deep a value may be nested in one of them.
    public static let nesting = 64
    /// Bytes of a manifest.
    public static let manifestBytes = 4 << 10
    /// Bytes of a set of keys.
    public static let keySetBytes = 16 << 10

    // MARK: What may be published

    /// Bytes of a document that may be published.
    public static let publishedPayloadBytes = payloadBytes / 2
    /// Entities of a document that may be published.
    public static let publishedEntities = entities / 2
    /// Rules of an entity that may be published.
    public static let publishedRules = rules / 2
    /// Conditions of an entity that may be published.
    public static let publishedConditions = conditions / 2
    /// Entries of a list that may be published.
    public static let publishedListEntries = listEntries / 2
    /// How deep a value may be nested that may be published.
    public static let publishedNesting = nesting / 2
}
