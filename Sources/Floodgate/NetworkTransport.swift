// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import AsyncHTTPClient
internal import FloodgateGzip
internal import FoundationEssentials
internal import NIOCore
internal import NIOHTTP1
internal import NIOPosix
internal import Synchronization

/// Requests over HTTP/1.1 with AsyncHTTPClient, within bounds on size and time.
struct NetworkTransport: Transport {
    private static let redirects: Set<UInt> = [301, 302, 303, 307, 308]
    private static let maxRedirects = 10

    private let connections: Connections
    private let timing: Timing

    init(_ options: FloodgateClient.Options, timing: Timing) {
        var configuration = HTTPClient.Configuration()
        configuration.httpVersion = .http1Only
        // Followed here instead, since the library would send the key to any host.
        configuration.redirectConfiguration = .disallow
        // Done here instead, where a cut-off or overlong body is noticed.
        configuration.decompression = .disabled
        configuration.timeout = .init(connect: .seconds(3))
        // Shorter than servers keep idle connections, so that none is used in the moment it is closed.
        configuration.connectionPool.idleTimeout = .seconds(3)
        // A stream keeps one for itself.
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = options.streaming ? 3 : 2
        // A refused connection is an answer here; the client has its own idea of when to try again.
        configuration.connectionPool.retryConnectionEstablishment = false
        // The library's own spans would show whole addresses, and with them the key.
        configuration.tracing.tracer = nil
        if let proxy = options.proxy {
            let authorization = proxy.username.map {
                HTTPClient.Authorization.basic(username: $0, password: proxy.password ?? "")
            }
            configuration.proxy = .server(host: proxy.host, port: proxy.port, authorization: authorization)
        }
        self.connections = Connections(configuration)
        self.timing = timing
    }

    func shutdown() async { await connections.shutdown() }

    func send(_ request: TransportRequest) async throws(ClientError) -> TransportAnswer {
        try await within(request.timeout, "No complete answer") { () throws(ClientError) in
            try await answer(try await beginAnswer(to: request), to: request)
        }
    }

    func stream(
        _ request: TransportRequest,
        onHead: @escaping @Sendable (TransportHead) -> Bool,
        onBytes: @escaping @Sendable ([UInt8]) async -> Bool
    ) async throws(ClientError) {
        let response = try await within(request.timeout, "No answer") { () throws(ClientError) in
            try await beginAnswer(to: request)
        }
        let head = TransportHead(
            status: Int(response.status.code),
            contentType: response.headers.first(name: "content-type")?.lowercased() ?? "",
            retryAfter: response.retryAfter
        )
        guard onHead(head) else { return }
        do {
            for try await chunk in response.body {
                guard await onBytes([UInt8](chunk.readableBytesView)) else { return }
            }
        } catch {
            throw Self.failure(error)
        }
    }

    /// How an answer begins, after all redirects, within the time for that.
    private func beginAnswer(to request: TransportRequest) async throws(ClientError) -> HTTPClientResponse {
        guard let limit = request.headTimeout else { return try await followingRedirects(request) }
        return try await within(limit, "No answer began") { () throws(ClientError) in
            try await followingRedirects(request)
        }
    }

    private func within<Result: Sendable>(
        _ limit: Duration,
        _ complaint: String,
        _ work: @escaping @Sendable () async throws(ClientError) -> Result
    ) async throws(ClientError) -> Result {
        let result = await withDeadline(limit, timing) { () -> Swift.Result<Result, ClientError> in
            do throws(ClientError) { return .success(try await work()) } catch { return .failure(error) }
        }
        guard let result else {
            if Task.isCancelled { throw ClientError(.cancelled, "The request was cancelled") }
            throw ClientError(.timeout, "\(complaint) within \(limit)")
        }
        return try result.get()
    }

    private func followingRedirects(_ request: TransportRequest) async throws(ClientError) -> HTTPClientResponse {
        var request = request
        for _ in 0...Self.maxRedirects {
            let response = try await execute(request)
            guard request.method == .get, Self.redirects.contains(response.status.code),
                let location = response.headers.first(name: "location")
            else { return response }
            request.url = try Self.target(of: location, from: request.url)
        }
        throw ClientError(.answer, "The server redirects more than \(Self.maxRedirects) times")
    }

    private func execute(_ request: TransportRequest) async throws(ClientError) -> HTTPClientResponse {
        var outgoing = HTTPClientRequest(url: request.url)
        outgoing.method = HTTPMethod(rawValue: request.method.rawValue)
        outgoing.headers = HTTPHeaders(request.headers.map { ($0.name, $0.value) })
        // A stream must arrive piece by piece, so nothing is compressed there.
        let encoding = request.purpose == .stream ? "identity" : "gzip"
        outgoing.headers.replaceOrAdd(name: "accept-encoding", value: encoding)
        if request.method == .post { outgoing.body = .bytes(ByteBuffer(bytes: request.body)) }
        let client = try connections.client()
        do {
            return try await client.execute(outgoing, deadline: .distantFuture)
        } catch {
            throw Self.failure(error)
        }
    }

    private func answer(
        _ response: HTTPClientResponse,
        to request: TransportRequest
    ) async throws(ClientError) -> TransportAnswer {
        let limit = request.maxAnswerBytes
        if let length = response.headers.first(name: "content-length").flatMap(Int.init), length > limit {
            throw ClientError(.answer, "The answer has \(length) bytes; at most \(limit) are read")
        }
        var body: [UInt8] = []
        do {
            for try await chunk in response.body {
                guard chunk.readableBytes <= limit - body.count else {
                    throw ClientError(.answer, "The answer has more than \(limit) bytes")
                }
                body.append(contentsOf: chunk.readableBytesView)
            }
        } catch {
            throw Self.failure(error)
        }
        let encodings = response.headers[canonicalForm: "content-encoding"].map { $0.lowercased() }
        for encoding in encodings.reversed() where encoding != "identity" {
            guard ["gzip", "x-gzip", "deflate"].contains(encoding) else {
                throw ClientError(.answer, "The answer is compressed in a way that was not asked for")
            }
            // An error page is not worth a failure of its own.
            do throws(GzipError) { body = try Gzip.decompress(body, limit: limit) } catch {
                throw ClientError(.answer, "The answer does not decompress: \(error.message)")
            }
        }
        return TransportAnswer(
            status: Int(response.status.code),
            body: body,
            retryAfter: response.retryAfter,
            // Bounded, since it goes on with an event.
            region: response.headers.first(name: "x-statsig-region").map { String($0.prefix(64)) },
            seal: SnapshotGuard.fields.reduce(into: [:]) { $0[$1] = response.headers.first(name: $1) }
        )
    }

    /// Where `location` leads; only to the same host, since the key travels along.
    private static func target(of location: String, from url: String) throws(ClientError) -> String {
        guard let base = URL(string: url), let target = URL(string: location, relativeTo: base)?.absoluteURL else {
            throw ClientError(.answer, "The server redirects to something that is no address")
        }
        guard target.origin == base.origin else {
            throw ClientError(.answer, "The server redirects to another host, which must not see the key")
        }
        return target.absoluteString
    }

    private static func failure(_ error: any Error) -> ClientError {
        if let error = error as? ClientError { return error }
        if error is CancellationError || error as? HTTPClientError == .cancelled {
            return ClientError(.cancelled, "The request was cancelled")
        }
        // Never the error's own text alone: it could name the address, and the address holds the key.
        let kind = (error as? HTTPClientError)?.shortDescription ?? String(describing: type(of: error))
        return ClientError(.network, "No answer from the server (\(kind))")
    }
}

/// The library's client, made when it is first needed and there is room for it: where the threads behind it find no
/// file descriptors, they stop the program.
private final class Connections: Sendable {
    private enum State {
        case none(HTTPClient.Configuration)
        case open(HTTPClient)
        case closed
    }

    /// Whether the threads are there, which all clients share.
    private static let hasThreads = Mutex(false)
    /// What each of them waits on: events, timers, calls from others.
    private static let descriptorsPerThread = 3

    private let state: Mutex<State>

    init(_ configuration: HTTPClient.Configuration) { state = Mutex(.none(configuration)) }

    func client() throws(ClientError) -> HTTPClient {
        try state.withLock { state throws(ClientError) in
            switch state {
            case .open(let client): return client
            case .closed: throw ClientError(.cancelled, "The connections are closed")
            case .none(let configuration):
                try Self.makeThreads()
                let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
                state = .open(client)
                return client
            }
        }
    }

    func shutdown() async {
        let client: HTTPClient? = state.withLock { state in
            defer { state = .closed }
            return if case .open(let client) = state { client } else { nil }
        }
        try? await client?.shutdown()
    }

    private static func makeThreads() throws(ClientError) {
        try hasThreads.withLock { hasThreads throws(ClientError) in
            guard !hasThreads else { return }
            guard FileDescriptors.areLeft(NIOSingletons.groupLoopCountSuggestion * descriptorsPerThread) else {
                throw ClientError(.network, "The process has too few file descriptors left for connections")
            }
            _ = NIOSingletons.posixEventLoopGroup
            hasThreads = true
        }
    }
}

extension HTTPClientResponse {
    /// How long the server wants to be left alone: whole seconds, ten minutes at most.
    fileprivate var retryAfter: Duration? {
        guard let seconds = headers.first(name: "retry-after").flatMap(Int.init), seconds > 0 else { return nil }
        return .seconds(min(seconds, 600))
    }
}

extension URL {
    /// Scheme, host and port, which together decide who sees a request; nil if one of them is missing.
    var origin: String? {
        guard let scheme = scheme?.lowercased(), let host = host()?.lowercased() else { return nil }
        return "\(scheme)://\(host):\(port ?? (scheme == "https" ? 443 : 80))"
    }
}
