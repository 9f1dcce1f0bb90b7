// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import FloodgateJSON
import FloodgateSnapshots
import NIOCore
import NIOHTTP1

/// Asks the servers that an edge follows, one after the other until one answers.
struct Upstream: Sendable {
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

    let addresses: [String]
    let key: String
    let client: HTTPClient

    init(addresses: [String], key: String) {
        self.addresses = addresses
        self.key = key
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(5)
        // The time for a request counts until its answer begins; a question may be kept for 25 s.
        configuration.timeout.read = .seconds(30)
        configuration.connectionPool.idleTimeout = .seconds(50)
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Closes all connections.
    func shutdown() async { try? await client.shutdown() }

    /// Asks each address in turn, from the one at `first` on.
    /// - Returns: The answer, if its status is one of `statuses`, and who gave it.
    func ask(
        _ path: String,
        method: HTTPMethod = .GET,
        headers: [(String, String)] = [],
        body: [UInt8]? = nil,
        limit: Int,
        within time: TimeAmount,
        statuses: Set<Int> = [200],
        from first: Int = 0
    ) async throws(Failure) -> (answer: Answer, address: Int) {
        var last = Failure(code: "none", message: "There is no address to ask")
        for step in addresses.indices {
            let index = (first + step) % addresses.count
            do throws(Failure) {
                let answer = try await send(addresses[index] + path, method, headers, body, limit, time)
                guard statuses.contains(answer.status) else {
                    throw Failure(
                        code: answer.status == 401 || answer.status == 403 ? "key" : "status",
                        message: "\(addresses[index]) answered \(answer.status)",
                        status: answer.status
                    )
                }
                return (answer, index)
            } catch {
                // What a server said weighs more than that another one is gone.
                if error.status != nil || last.status == nil { last = error }
            }
        }
        throw last
    }

    private func send(
        _ url: String,
        _ method: HTTPMethod,
        _ headers: [(String, String)],
        _ body: [UInt8]?,
        _ limit: Int,
        _ time: TimeAmount
    ) async throws(Failure) -> Answer {
        var request = HTTPClientRequest(url: url)
        request.method = method
        request.headers = HTTPHeaders(headers)
        request.headers.add(name: "statsig-api-key", value: key)
        if let body { request.body = .bytes(ByteBuffer(bytes: body)) }
        do {
            let response = try await client.execute(request, timeout: time)
            let bytes = try await response.body.collect(upTo: limit)
            return Answer(status: Int(response.status.code), headers: response.headers, body: Array(buffer: bytes))
        } catch is NIOTooManyBytesError {
            throw Failure(code: "too_long", message: "The answer has more than \(limit) bytes")
        } catch {
            let kind = (error as? HTTPClientError)?.shortDescription ?? String(describing: type(of: error))
            throw Failure(code: "network", message: "No answer came (\(kind))")
        }
    }
}
