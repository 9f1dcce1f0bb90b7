// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// How one check is made.
public struct CheckOptions: Sendable, Hashable {
    /// Logs no exposure: such checks are counted by name instead; off by default.
    public var disableExposureLogging = false

    /// Makes options with the defaults above.
    public init() {}

    /// The check logs no exposure.
    public static var withoutExposure: CheckOptions {
        var options = CheckOptions()
        options.disableExposureLogging = true
        return options
    }
}
