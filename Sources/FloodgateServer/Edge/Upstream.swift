// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import FloodgateJSON
import FloodgateSnapshots
import Metrics
import NIOCore
import NIOHTTP1
import Synchronization

/// Asks the servers that an edge follows, one after the other until one answers.
final class Upstream: Sendable {
    /// Why a request came to nothing.
    struct Failure: Error, Sendable, CustomStringConvertible {
        /// Stable, for metrics.
        var code: String
        var message: String
        /// What the server answered, if it did.
        var status: Int?
        var description: String { message }
    }

    /// An answer that may be used.
    struct Answer: Sendable {
        var status: Int
        var headers: HTTPHeaders
        var body: [UInt8]

        func field(_ name: String) -> String? { headers.first(name: name) }
    }

    private let addresses: [String]
    private let key: String
    private let client: HTTPClient
    private let order: Mutex<AddressOrder>
    private let registry: MetricsRegistry

    init(addresses: [String], key: String, registry: MetricsRegistry) {
        self.addresses = addresses
        self.key = key
        self.registry = registry
        order = Mutex(AddressOrder(count: addresses.count))
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(5)
        configuration.connectionPool.idleTimeout = .seconds(50)
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Closes all connections.
    func shutdown() async { try? await client.shutdown() }

    /// What came from the address was looked at and is good.
    func trust(_ address: Int) { order.withLock { $0.succeeded(address) } }

    /// What came from the address cannot be used, whatever its status was.
    func distrust(_ address: Int) { order.withLock { $0.failed(address, at: .now) } }

    /// Asks each address in turn, the preferred one first unless it failed of late.
    ///
    /// - Parameters:
    ///   - path: Path and query.
    ///   - method: The method.
    ///   - headers: What to say besides the key.
    ///   - body: What to send.
    ///   - limit: How many bytes the answer's body may have.
    ///   - time: How long all of an answer may take, at each address.
    ///   - statuses: Which answers can be used.
    ///   - finalStatuses: Which are the same wherever one asks, so that nobody else is asked.
    ///   - isChecked: Whether the caller looks at what came, and then calls `trust` or `distrust`.
    /// - Returns: The answer, and who gave it.
    /// - Throws: `Failure` that says what the last of them said.
    func ask(
        _ path: String,
        method: HTTPMethod = .GET,
        headers: [(String, String)] = [],
        body: [UInt8]? = nil,
        limit: Int,
        within time: Duration,
        statuses: Set<Int> = [200],
        finalStatuses: Set<Int> = [],
        isChecked: Bool = false
    ) async throws(Failure) -> (answer: Answer, address: Int) {
        var last = Failure(code: "none", message: "There is no address to ask")
        for index in order.withLock({ $0.order(at: .now) }) {
            do throws(Failure) {
                let answer = try await send(addresses[index] + path, method, headers, body, limit, time)
                guard statuses.contains(answer.status) else {
                    throw Failure(
                        code: answer.status == 401 || answer.status == 403 ? "key" : "status",
                        message: "\(addresses[index]) answered \(answer.status)",
                        status: answer.status
                    )
                }
                if !isChecked { trust(index) }
                return (answer, index)
            } catch {
                // What a server said weighs more than that another one is gone.
                if error.status != nil || last.status == nil { last = error }
                if let status = error.status, finalStatuses.contains(status) { break }
                if Task.isCancelled { break }
                Counter(label: "upstream_failures", dimensions: [("reason", error.code)], factory: registry).increment()
                order.withLock { $0.failed(index, at: .now) }
            }
        }
        throw last
    }

    /// The whole answer, or a failure after `time`: neither silence nor a body that drips holds the edge up.
    private func send(
        _ url: String,
        _ method: HTTPMethod,
        _ headers: [(String, String)],
        _ body: [UInt8]?,
        _ limit: Int,
        _ time: Duration
    ) async throws(Failure) -> Answer {
        var request = HTTPClientRequest(url: url)
        request.method = method
        request.headers = HTTPHeaders(headers)
        request.headers.add(name: "statsig-api-key", value: key)
        if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
        do {
            return try await withThrowingTaskGroup(of: Answer?.self) { [client, request] group in
                group.addTask {
                    let response = try await client.execute(request, timeout: TimeAmount(time))
                    let bytes = try await response.body.collect(upTo: limit)
                    return Answer(
                        status: Int(response.status.code),
                        headers: response.headers,
                        body: Array(buffer: bytes)
                    )
                }
                group.addTask {
                    try await Task.sleep(for: time)
                    return nil
                }
                defer { group.cancelAll() }
                guard let answer = try await group.next().flatMap(\.self) else {
                    throw Failure(code: "timeout", message: "No whole answer came within \(time)")
                }
                return answer
            }
        } catch let failure as Failure {
            throw failure
        } catch is NIOTooManyBytesError {
            throw Failure(code: "too_long", message: "The answer has more than \(limit) bytes")
        } catch {
            let kind = (error as? HTTPClientError)?.shortDescription ?? String(describing: type(of: error))
            let isLate = (error as? HTTPClientError).map { [.deadlineExceeded, .readTimeout].contains($0) } ?? false
            throw Failure(code: isLate ? "timeout" : "network", message: "No answer came (\(kind))")
        }
    }
}
