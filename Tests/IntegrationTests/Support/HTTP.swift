// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import FloodgateJSON
import Foundation
import NIOCore
import NIOHTTP1
import Synchronization

/// Plain requests to the server.
enum HTTP {
    struct Answer: CustomStringConvertible {
        let status: Int
        let headers: [String: String]
        let body: [UInt8]

        var text: String { String(decoding: body, as: UTF8.self) }
        var json: JSONValue? { try? JSONValue(parsing: body) }
        var description: String { "\(status) \(text)" }
    }

    /// Lives as long as the process.
    static let client: HTTPClient = {
        var configuration = HTTPClient.Configuration()
        configuration.redirectConfiguration = .disallow
        configuration.timeout.connect = .seconds(5)
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }()

    static func send(
        _ method: String = "GET",
        _ url: String,
        _ headers: [String: String] = [:],
        body: [UInt8]? = nil,
        timeout seconds: Int64 = 30
    ) async throws -> Answer {
        var request = HTTPClientRequest(url: url)
        request.method = HTTPMethod(rawValue: method)
        for (name, value) in headers { request.headers.replaceOrAdd(name: name, value: value) }
        if let body { request.body = .bytes(body) }
        let response = try await execute(request, within: seconds)
        let content = try await response.body.collect(upTo: 64 << 20)
        let fields = response.headers.map { ($0.name.lowercased(), $0.value) }
        return Answer(
            status: Int(response.status.code),
            headers: Dictionary(fields, uniquingKeysWith: { first, _ in first }),
            body: Array(content.readableBytesView)
        )
    }

    /// Sends the head of a request and the beginning of its body on a connection of its own, and waits for the answer.
    ///
    /// For what is refused by its head: the server does not take the rest, and a client that goes on sending may lose the answer.
    static func sendBeginning(
        _ method: String,
        port: Int,
        _ path: String,
        _ headers: [String: String],
        body: [UInt8]
    ) throws -> Answer {
        var head = "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nContent-Length: \(body.count)\r\n"
        for (name, value) in headers { head += "\(name): \(value)\r\n" }
        let text = try raw(port: port, Array((head + "\r\n").utf8) + body.prefix(16 << 10))
        let parts = text.split(separator: "\r\n\r\n", maxSplits: 1)
        let lines = parts.first?.split(separator: "\r\n") ?? []
        let status = lines.first?.split(separator: " ").dropFirst().first.flatMap { Int($0) }
        return Answer(status: status ?? 0, headers: [:], body: parts.count == 2 ? Array(parts[1].utf8) : [])
    }

    /// Tries again as often as the client may have a connection at hand that the server has ended between two requests, as it
    /// may: nothing of the request was sent then.
    private static func execute(
        _ request: HTTPClientRequest,
        within seconds: Int64,
        again tries: Int = 8
    ) async throws -> HTTPClientResponse {
        do { return try await client.execute(request, timeout: .seconds(seconds)) } catch ChannelError.ioOnClosedChannel
            where tries > 0
        { return try await execute(request, within: seconds, again: tries - 1) }
    }

    /// Writes `bytes` to a connection of its own, says that nothing more will come, and returns what comes back.
    static func raw(port: Int, _ bytes: [UInt8]) throws -> String {
        let descriptor = try Loopback.connect(port: port)
        defer { close(descriptor) }
        var rest = bytes[...]
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard count > 0 else { break }
            rest = rest.dropFirst(count)
        }
        shutdown(descriptor, Int32(SHUT_WR))
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = recv(descriptor, &chunk, chunk.count, 0)
            guard count > 0 else { break }
            answer.append(contentsOf: chunk[..<count])
        }
        return String(decoding: answer, as: UTF8.self)
    }
}

/// Sockets on 127.0.0.1.
enum Loopback {
    struct Failure: Error {
        let number: Int32
    }

    private static func socketAddress(_ port: Int) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(truncatingIfNeeded: port).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7F00_0001).bigEndian
        return address
    }

    private static func withAddress(
        _ port: Int,
        _ call: (Int32, UnsafePointer<sockaddr>, socklen_t) -> Int32
    ) throws -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(number: errno) }
        var address = socketAddress(port)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                call(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        guard result == 0 else {
            let number = errno
            close(descriptor)
            throw Failure(number: number)
        }
        return descriptor
    }

    /// A connection that gives up reading after 10 s.
    static func connect(port: Int) throws -> Int32 {
        let descriptor = try withAddress(port) { Foundation.connect($0, $1, $2) }
        var patience = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        return descriptor
    }

    /// A port that was free a moment ago, and is given out once.
    ///
    /// None of those that the kernel gives to connections, one of which might have it before it is listened on.
    static func freePort() throws -> Int {
        var failure: (any Error)?
        for _ in 0..<100 {
            let port = nextPort.withLock { port in
                port = ports.contains(port + 1) ? port + 1 : ports.lowerBound
                return port
            }
            do {
                close(try withAddress(port) { Foundation.bind($0, $1, $2) })
                return port
            } catch { failure = error }
        }
        throw failure ?? Failure(number: EADDRINUSE)
    }

    private static let ports = 20_000..<32_000
    private static let nextPort = Mutex(Int.random(in: ports))

    /// A socket that listens, and its port.
    static func listen() throws -> (descriptor: Int32, port: Int) {
        let descriptor = try withAddress(0) { Foundation.bind($0, $1, $2) }
        Foundation.listen(descriptor, 1)
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        _ = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(descriptor, $0, &length) }
        }
        return (descriptor, Int(in_port_t(bigEndian: address.sin_port)))
    }
}
