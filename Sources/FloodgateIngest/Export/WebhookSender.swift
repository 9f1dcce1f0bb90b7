// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What is posted to a webhook.
package struct WebhookPost: Sendable, Hashable {
    /// Where to.
    package var url: String
    /// Names and values.
    package var headers: [String: String]
    /// JSON.
    package var body: [UInt8]

    package init(url: String, headers: [String: String], body: [UInt8]) {
        self.url = url
        self.headers = headers
        self.body = body
    }
}

/// Sends posts to webhooks.
package protocol WebhookSender: Sendable {
    /// Sends `post` once, without following where it is sent on to, and gives the status that came back.
    /// - Throws: Whatever kept an answer from coming in time.
    func send(_ post: WebhookPost) async throws -> Int
}

/// How patiently events are posted; each default suits production.
package struct WebhookOptions: Sendable, Hashable {
    /// The node whose log it is.
    package var node: String
    /// Most events in a post.
    package var events = 500
    /// A post is sent when it has so many bytes, 1 MiB by default, unless one event is larger.
    package var sizeBytes = 1 << 20
    /// Or when its first event waits so long.
    package var age: Duration = .seconds(1)
    /// Pause before an empty log is looked at again.
    package var pause: Duration = .milliseconds(500)
    /// Batches that are read from the log at a time.
    package var batches = 64
    /// How often a post that is refused is tried before it is left out.
    package var attempts = 5
    /// The first pause between two tries; it doubles with each.
    package var firstPause: Duration = .seconds(1)
    /// The longest pause between two tries.
    package var longestPause: Duration = .seconds(60)

    /// Creates options with the defaults above.
    package init(node: String) { self.node = node }
}

/// What a webhook did since it was made, and how far it is.
package struct WebhookReport: Sendable, Hashable {
    /// Before which event all is posted, left out, or not wanted.
    package var place = LogCursor.start
    /// Posts that were taken.
    package var posts: Int64 = 0
    /// Events in them.
    package var events: Int64 = 0
    /// Posts that were refused for good, and left out.
    package var refusedPosts: Int64 = 0
    /// Events in them.
    package var refusedEvents: Int64 = 0
    /// Batches of the log that cannot be read.
    package var corruptBatches: Int64 = 0
    /// Tries that failed, by the status, by `unreachable`, or by the code of the log's error.
    package var failures: [String: Int64] = [:]
    /// Failures since the last success.
    package var failuresInARow = 0
    /// What was said at the last failure; nil after a success.
    package var lastError: String?
    /// When the first event arrived that is not posted, in Unix milliseconds; nil if none is known.
    package var waitingSince: Int64?

    /// Makes the report of a webhook that did nothing.
    package init() {}
}
