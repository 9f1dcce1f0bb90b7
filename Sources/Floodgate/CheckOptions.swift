// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateEvaluation

/// How one check is made.
public struct CheckOptions: Sendable, Hashable {
    /// Logs no exposure: such checks are counted by name instead; off by default.
    public var disableExposureLogging = false
    /// What is kept for the user, for experiments and layers of a client with a `stickyStore`; none by default.
    ///
    /// Without it such a client forgets what is kept of the experiment or layer, as Statsig's SDKs do.
    public var sticky: StickyRequest?

    /// Makes options with the defaults above.
    public init() {}

    /// Experiments and layers go on giving the user what is kept, or keep what the user gets from now on.
    public static func keeping(_ assignments: StickyAssignments) -> CheckOptions {
        var options = CheckOptions()
        options.sticky = StickyRequest(assignments)
        return options
    }

    /// The check logs no exposure.
    public static var withoutExposure: CheckOptions {
        var options = CheckOptions()
        options.disableExposureLogging = true
        return options
    }
}
