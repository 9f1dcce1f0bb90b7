// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateEvaluation

/// How initialisation went.
public struct InitializeDetails: Sendable, Hashable {
    /// Whether initialisation came to its end in time; also true when no document could be had, as in Statsig's SDKs.
    public var isSuccess: Bool
    /// Whether there are specs to evaluate: the member to look at.
    public var isReady: Bool
    /// Whether ID lists were loaded; nil if they are not enabled.
    public var areIDListsReady: Bool?
    /// Where the specs came from, or why there are none.
    public var source: SpecSource
    /// How long initialisation took.
    public var duration: Duration
    /// What went wrong, if anything did.
    public var failure: ClientError?
}
