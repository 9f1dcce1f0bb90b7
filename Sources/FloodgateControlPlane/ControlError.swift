// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Why the control plane did not do what was asked.
package struct ControlError: Error, Sendable, CustomStringConvertible {
    /// Stable: exit codes, HTTP statuses and metrics hang on it.
    package enum Code: String, Sendable, CaseIterable {
        /// There is nothing with that name.
        case notFound
        /// Somebody else changed the same project at the same time, again and again.
        case conflict
        /// What was asked for is not allowed; the message says what is.
        case invalid
        /// The store cannot be read or written just now.
        case storage
        /// The stored data is damaged; nothing was changed.
        case corrupt
        /// The stored data was written by a newer Floodgate.
        case newerFormat
        /// The task was cancelled; nothing was changed.
        case cancelled
    }

    /// What kind of failure it is.
    package var code: Code
    /// What was found and what to do.
    package var message: String
    /// JSON Pointer (RFC 6901) to the fault in an imported document.
    package var pointer: String?
    /// What lies beneath, for logs.
    package var cause: (any Error)?

    package init(_ code: Code, _ message: String, pointer: String? = nil, cause: (any Error)? = nil) {
        self.code = code
        self.message = message
        self.pointer = pointer
        self.cause = cause
    }

    /// The failure with its place in one line.
    package var description: String {
        guard let pointer, !pointer.isEmpty else { return message }
        return "\(pointer): \(message)"
    }

    /// Nothing of that kind has the name; says which names are spelled nearly so.
    package static func notFound(_ what: String, _ name: String, among names: some Sequence<String>) -> ControlError {
        let near = NearestNames.of(name, among: names)
        let hint = near.isEmpty ? "" : "; did you mean \(near.map { "\"\($0)\"" }.joined(separator: " or "))?"
        return ControlError(.notFound, "There is no \(what) named \"\(name)\"\(hint)")
    }
}
