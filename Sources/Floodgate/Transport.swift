// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// One HTTP request of the client.
package struct TransportRequest: Sendable {
    /// What is asked for.
    package enum Method: String, Sendable { case get = "GET", post = "POST" }

    package var method: Method
    package var url: String
    package var headers: [(name: String, value: String)]
    package var body: [UInt8] = []
    /// How many bytes of the answer are read, before and after decompression, before the request is given up.
    package var maxAnswerBytes: Int
    /// Time for the whole request, body included.
    package var timeout: Duration
}

/// An answer with its whole body, decompressed.
package struct TransportAnswer: Sendable {
    package var status: Int
    package var body: [UInt8]
}

/// Carries the client's requests.
package protocol Transport: Sendable {
    /// Sends `request` and waits for the whole answer, whatever its status.
    func send(_ request: TransportRequest) async throws(ClientError) -> TransportAnswer

    /// Closes all connections; nothing is sent afterwards.
    func shutdown() async
}
