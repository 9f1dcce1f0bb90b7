// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
package import FloodgateIngest
import NIOCore
import NIOHTTP1

/// `WebhookSender` over HTTP, with ten seconds' patience.
package final class HTTPWebhookSender: WebhookSender {
    private static let patience: TimeAmount = .seconds(10)

    private let client: HTTPClient

    /// Makes a sender; nothing is connected before the first post.
    package init() {
        // Sent on, a post would become another request, and its answer would say nothing about the events.
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(5)
        configuration.connectionPool.idleTimeout = .seconds(50)
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    deinit {
        // A client must be shut down, though nothing was ever sent; once more does no harm.
        client.shutdown { _ in }
    }

    package func send(_ post: WebhookPost) async throws -> Int {
        var request = HTTPClientRequest(url: post.url)
        request.method = .POST
        for (name, value) in post.headers { request.headers.add(name: name, value: value) }
        request.body = .bytes(post.body)
        let response = try await client.execute(request, timeout: Self.patience)
        // Not read: what it says does not matter, and it may come in drips.
        return Int(response.status.code)
    }

    /// Closes all connections.
    package func shutdown() async { try? await client.shutdown() }
}
