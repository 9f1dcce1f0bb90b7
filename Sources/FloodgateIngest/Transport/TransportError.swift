// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Why the transport did not do what it was asked to.
package struct TransportError: Error, Sendable, CustomStringConvertible {
    /// Stable: retries and metrics hang on it.
    package enum Code: String, Sendable, CaseIterable {
        /// The broker is not there, has no leader, or did not answer in time; later is better.
        case unavailable
        /// The broker has no room for more until some of it is loaded; later is better.
        case full
        /// The broker does not know who asks, or does not let them.
        case refused
        /// The settings, here or at the broker, do not fit.
        case misconfigured
        /// Somebody else has written what was to be replaced.
        case overtaken
        /// The transport is shut down.
        case closed
        /// The broker or its library did something that it should not.
        case failed
    }

    /// What kind of failure it is.
    package var code: Code
    /// What was found and what to do about it.
    package var message: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    package var description: String { "\(message) (\(code.rawValue))" }
}
