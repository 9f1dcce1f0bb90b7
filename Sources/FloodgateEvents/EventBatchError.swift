// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON

/// Why a body is no batch of events at all.
package struct EventBatchError: Error, Hashable, Sendable {
    /// Stable: statuses and metrics hang on it.
    package enum Code: String, Sendable, CaseIterable {
        /// The body is not JSON.
        case notJSON = "not_json"
        /// The body is JSON, but not an object.
        case notAnObject = "not_an_object"
        /// The object has no list `events`.
        case noEvents = "no_events"
        /// The body has more values than are read at once.
        case tooManyValues = "too_many_values"
    }

    /// What kind of mistake it is.
    package var code: Code
    /// What was found and what to send instead.
    package var message: String
    /// The parser's complaint, if the body is not JSON.
    package var cause: JSONError?

    package init(_ code: Code, _ message: String, cause: JSONError? = nil) {
        self.code = code
        self.message = message
        self.cause = cause
    }
}

/// An event that was left out of its batch, and why.
package struct RejectedEvent: Sendable, Hashable {
    /// Stable: answers and metrics hang on it.
    package enum Code: String, Sendable, CaseIterable {
        case notAnObject = "not_an_object"
        case missingName = "missing_name"
        case invalidName = "invalid_name"
        case invalidTime = "invalid_time"
        case invalidUser = "invalid_user"
        case invalidValue = "invalid_value"
        case invalidMetadata = "invalid_metadata"
        case invalidStatsigMetadata = "invalid_statsig_metadata"
        case invalidSecondaryExposures = "invalid_secondary_exposures"
    }

    /// The event's place in the batch, from 0.
    package var index: Int
    /// What is wrong with it.
    package var code: Code

    package init(index: Int, code: Code) {
        self.index = index
        self.code = code
    }
}
