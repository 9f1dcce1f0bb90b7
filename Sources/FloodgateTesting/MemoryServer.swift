// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Floodgate
internal import FloodgateEvents
internal import Synchronization

/// Stands where the network would be: serves a document, and takes down the events that arrive.
final class MemoryServer: Transport {
    private struct State {
        /// What the next request for specs gets; nil if there is nothing new.
        var news: [UInt8]?
        var events: [Event] = []
        var isReachable = true
    }

    private let state = Mutex(State())

    /// All that has arrived, in order, but for the client's notes to itself.
    var events: [Event] { state.withLock { $0.events } }

    /// Forgets what has arrived.
    func forgetEvents() { state.withLock { $0.events = [] } }

    /// Has something new for the next request.
    func publish(_ document: [UInt8]) { state.withLock { $0.news = document } }

    /// Answers from now on, or is out of reach.
    func setReachable(_ isReachable: Bool) { state.withLock { $0.isReachable = isReachable } }

    func send(_ request: TransportRequest) async throws(ClientError) -> TransportAnswer {
        guard state.withLock({ $0.isReachable }) else {
            throw ClientError(.network, "The fixture's server is out of reach")
        }
        return answer(request)
    }

    /// What the request gets, whether or not the server is in reach.
    fileprivate func answer(_ request: TransportRequest) -> TransportAnswer {
        switch request.purpose {
        case .specs:
            guard let news = state.withLock({ $0.news.take() }) else { return .reply(204) }
            return .reply(200, news)
        case .events:
            guard let batch = try? EventBatchReader().read(request.body, receivedAt: 0).batch else {
                return .reply(400)
            }
            let events = batch.events.filter { !$0.isInternal || $0.isExposure }
            state.withLock { $0.events += events }
            return .reply(202, Array(#"{"success":true}"#.utf8))
        case .idLists: return .reply(200, Array("{}".utf8))
        case .idListFile, .stream, .report: return .reply(404)
        }
    }

    func stream(
        _ request: TransportRequest,
        onHead: @escaping @Sendable (TransportHead) -> Bool,
        onBytes: @escaping @Sendable ([UInt8]) async -> Bool
    ) async throws(ClientError) {
        throw ClientError(.network, "A test has no stream of changes")
    }

    func shutdown() async {}
}

/// The way by which a test looks at what was logged: open also while the server is out of reach.
struct RecordingTransport: Transport {
    let server: MemoryServer

    func send(_ request: TransportRequest) async throws(ClientError) -> TransportAnswer { server.answer(request) }

    func stream(
        _ request: TransportRequest,
        onHead: @escaping @Sendable (TransportHead) -> Bool,
        onBytes: @escaping @Sendable ([UInt8]) async -> Bool
    ) async throws(ClientError) {
        try await server.stream(request, onHead: onHead, onBytes: onBytes)
    }

    func shutdown() async {}
}
