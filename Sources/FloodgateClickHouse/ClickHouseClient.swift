// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import FloodgateWarehouse
import NIOCore
import NIOHTTP1
import Synchronization

/// Speaks to the servers of one address over HTTP.
final class ClickHouseClient: Sendable {
    /// One request.
    struct Request: Sendable {
        /// The statement; the beginning of it if there is `data`.
        var sql: String
        /// What an insert takes.
        var data: ByteBuffer?
        /// Settings of this statement alone.
        var settings: [(String, String)] = []
        var user: ClickHouseAddress.User
        var work: ClickHouseFailure.Work = .housekeeping
        /// How long all of it may take.
        var time: Duration
        /// How many bytes may come back.
        var limit = 64 << 20
    }

    /// Why no answer came.
    private struct Silence: Error {
        var message: String
    }

    private let urls: [String]
    private let settings: [(String, String)]
    private let client: HTTPClient
    private let preferred = Mutex(0)

    init(_ address: ClickHouseAddress) {
        urls = address.hosts.map { "\(address.isSecure ? "https" : "http")://\($0.name):\($0.port)/" }
        // The same replicas for loading and for asking, so that what was loaded is seen before replication has caught up.
        settings = address.cluster == nil ? [] : [("load_balancing", "in_order")]
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(5)
        // The server closes after three seconds by its defaults.
        configuration.connectionPool.idleTimeout = .seconds(2)
        // Who does not listen is not waited for: there are other servers, or the caller comes again.
        configuration.connectionPool.retryConnectionEstablishment = false
        client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    /// Closes connections if nobody did: the library's client ends the program otherwise.
    deinit { client.shutdown { _ in } }

    /// Closes all connections.
    func shutdown() async { try? await client.shutdown() }

    /// Sends the request to the servers in turn until one answers; one that carries data to one server only, since nobody
    /// knows how much of it was taken.
    func send(_ request: Request) async throws(WarehouseError) -> ByteBuffer {
        var silence = ""
        for _ in urls {
            let place = preferred.withLock { $0 }
            do {
                let (status, body) = try await exchange(request, url: urls[place])
                if status == 200 { return body }
                let failure = ClickHouseFailure(status: status, body: String(buffer: body))
                let error = failure.error(in: request.work)
                // Another replica may be in a better state next time.
                if error.code == .unavailable { distrust(place) }
                throw error
            } catch let error as WarehouseError {
                throw error
            } catch {
                silence = (error as? Silence)?.message ?? "no answer came"
                distrust(place)
                if request.data != nil || Task.isCancelled { break }
            }
        }
        throw WarehouseError(.unavailable, "ClickHouse does not answer: \(silence)")
    }

    private func distrust(_ place: Int) {
        preferred.withLock { if $0 == place { $0 = (place + 1) % urls.count } }
    }

    /// One answer, or a failure after the request's time: neither silence nor a body that drips holds anybody up.
    private func exchange(_ request: Request, url: String) async throws -> (status: Int, body: ByteBuffer) {
        var message = HTTPClientRequest(url: url + query(of: request))
        message.method = .POST
        message.headers.add(name: "X-ClickHouse-User", value: request.user.name)
        if !request.user.password.isEmpty {
            message.headers.add(name: "X-ClickHouse-Key", value: request.user.password)
        }
        message.body = .bytes(request.data ?? ByteBuffer(string: request.sql))
        do {
            return try await withThrowingTaskGroup(of: (status: Int, body: ByteBuffer)?.self) {
                [client, message] group in
                group.addTask {
                    let response = try await client.execute(message, timeout: TimeAmount(request.time))
                    return (Int(response.status.code), try await response.body.collect(upTo: request.limit))
                }
                group.addTask {
                    try await Task.sleep(for: request.time)
                    return nil
                }
                defer { group.cancelAll() }
                guard let answer = try await group.next().flatMap(\.self) else {
                    throw Silence(message: "\(url) took longer than \(request.time)")
                }
                return answer
            }
        } catch is NIOTooManyBytesError {
            throw WarehouseError(.limit, "ClickHouse's answer has more than \(request.limit) bytes; ask for less")
        } catch let silence as Silence {
            throw silence
        } catch {
            let kind = (error as? HTTPClientError)?.shortDescription ?? String(describing: type(of: error))
            throw Silence(message: "\(url) gave no answer (\(kind))")
        }
    }

    private func query(of request: Request) -> String {
        var pairs = request.settings + settings
        if request.data != nil { pairs.append(("query", request.sql)) }
        if pairs.isEmpty { return "" }
        return "?" + pairs.map { "\($0)=\(Self.percentEncoded($1))" }.joined(separator: "&")
    }

    private static func percentEncoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        let digits = Array("0123456789ABCDEF".utf8)
        for byte in text.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F, 0x7E: bytes.append(byte)
            default: bytes += [0x25, digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
