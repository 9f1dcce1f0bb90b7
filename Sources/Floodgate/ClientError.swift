// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Why something that the client tried in the background did not work; evaluation goes on regardless.
public struct ClientError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Stable: metrics hang on it.
    @nonexhaustive public enum Code: String, Sendable, CaseIterable {
        /// No connection, or it broke.
        case network
        /// No complete answer within the time allowed.
        case timeout
        /// The server answered with a status that is no success; `status` has it.
        case status
        /// The answer is too long, wrongly compressed, or redirects to where the key must not go.
        case answer
        /// The document, manifest or list does not read.
        case document
        /// The file could not be read or written.
        case file
        /// The application's data store failed, or took too long.
        case dataStore
        /// The client was shut down, or the waiting task cancelled.
        case cancelled
    }

    /// What kind of failure it is.
    public var code: Code
    /// What was found, for people; holds no secrets.
    public var message: String
    /// The HTTP status, if the failure is one.
    public var status: Int?
    /// How long the server wants to be left alone, if it said so.
    public var retryAfter: Duration?

    /// Makes an error.
    public init(_ code: Code, _ message: String, status: Int? = nil, retryAfter: Duration? = nil) {
        self.code = code
        self.message = message
        self.status = status
        self.retryAfter = retryAfter
    }

    /// The failure in one line.
    public var description: String { "\(code.rawValue): \(message)" }

    /// Statuses that say no for good: asking again would be answered alike.
    static let finalStatuses: Set<Int> = [400, 403, 405, 413, 429, 501]

    /// Whether the same request may succeed a moment later.
    var isRetryable: Bool {
        switch code {
        case .network, .timeout: true
        case .status: !(status.map(Self.finalStatuses.contains) ?? false)
        case .answer, .document, .file, .dataStore, .cancelled: false
        }
    }
}
