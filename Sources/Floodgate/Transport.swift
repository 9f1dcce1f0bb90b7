// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// One HTTP request of the client.
package struct TransportRequest: Sendable {
    /// What is asked for.
    package enum Method: String, Sendable { case get = "GET", post = "POST" }

    /// What a request is for, as metrics and spans name it.
    package enum Purpose: String, Sendable, CaseIterable {
        case specs, stream, events
        case idLists = "id_lists"
        case idListFile = "id_list_file"
        case report
    }

    package var purpose: Purpose
    package var method: Method
    package var url: String
    package var headers: [(name: String, value: String)]
    package var body: [UInt8] = []
    /// How many bytes of the answer are read, before and after decompression, before the request is given up.
    package var maxAnswerBytes: Int
    /// Time for the whole request, body included.
    package var timeout: Duration
    /// Time until the answer begins, where another server could be asked instead; by default all the time there is.
    package var headTimeout: Duration?
}

/// An answer with its whole body, decompressed.
package struct TransportAnswer: Sendable {
    package var status: Int
    package var body: [UInt8]
    /// How long the server wants to be left alone, ten minutes at most.
    package var retryAfter: Duration?
    /// Where the server stands, if it says so.
    package var region: String?
    /// Fields that vouch for the body, by name.
    package var seal: [String: String] = [:]
}

/// How an answer begins that is then read piece by piece.
package struct TransportHead: Sendable {
    package var status: Int
    package var contentType: String
    /// How long the server wants to be left alone, ten minutes at most.
    package var retryAfter: Duration?
}

/// Carries the client's requests.
package protocol Transport: Sendable {
    /// Sends `request` and waits for the whole answer, whatever its status.
    func send(_ request: TransportRequest) async throws(ClientError) -> TransportAnswer

    /// Sends `request` and hands over the answer as it comes, until it ends or one of the two says false.
    ///
    /// The request's times count until the answer begins; how long it then lasts is the caller's business.
    func stream(
        _ request: TransportRequest,
        onHead: @escaping @Sendable (TransportHead) -> Bool,
        onBytes: @escaping @Sendable ([UInt8]) async -> Bool
    ) async throws(ClientError)

    /// Closes all connections; nothing is sent afterwards.
    func shutdown() async
}
