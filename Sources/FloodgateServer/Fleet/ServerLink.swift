// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import FloodgateConsole
package import FloodgateJSON
import NIOCore
import NIOHTTP1
import NIOSSL

/// Asks a running server with a console key, for commands.
package struct ServerLink: Sendable {
    /// Why there is no answer.
    package struct Failure: Error, Sendable, CustomStringConvertible {
        /// What was found, and what to do.
        package let description: String
    }

    private let url: String
    private let key: String

    /// A link to the server at `url`.
    package init(url: String, key: String) {
        self.url = url.hasSuffix("/") ? String(url.dropLast()) : url
        self.key = key
    }

    /// A link to the server that runs on a data folder.
    package init(_ access: LocalAccess) { self.init(url: access.url, key: access.key) }

    /// What `GET /console/v1/fleet` says of `environment`, or of all.
    ///
    /// `time` names another document than the newest to ask about, `limit` how many stragglers are named.
    package func fleet(environment: String?, time: UInt64? = nil, limit: Int) async throws -> [JSONObject] {
        var path = "/console/v1/fleet?limit=\(limit)"
        if let environment { path += "&environment=" + URLText.encoded(environment) }
        if let time { path += "&time=\(time)" }
        let answer = try await get(path)
        return (answer["data"]?.arrayValue ?? []).compactMap(\.objectValue)
    }

    /// The member `data` of what the server answers to a GET of `path`, or to a POST if there is a `body`.
    /// - Throws: `Failure` if it does not answer 200.
    package func data(
        of path: String,
        _ query: [(String, String)] = [],
        posting body: JSONValue? = nil
    ) async throws -> JSONValue {
        let terms = query.map { "\($0.0)=\(URLText.encoded($0.1))" }
        let answer = try await get(path + (terms.isEmpty ? "" : "?" + terms.joined(separator: "&")), body)
        return answer["data"] ?? .null
    }

    private func get(_ path: String, _ body: JSONValue? = nil) async throws -> JSONValue {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout.connect = .seconds(5)
        configuration.timeout.read = .seconds(70)
        if isLocal {
            // A certificate is made out for the server's public name; nobody stands between on one machine.
            var tls = TLSConfiguration.makeClientConfiguration()
            tls.certificateVerification = .none
            configuration.tlsConfiguration = tls
        }
        let client = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        do {
            var request = HTTPClientRequest(url: url + path)
            request.headers.add(name: "statsig-api-key", value: key)
            if let body {
                request.method = .POST
                request.headers.add(name: "content-type", value: "application/json")
                request.body = .bytes(ByteBuffer(bytes: body.bytes))
            }
            let response = try await client.execute(request, timeout: .seconds(70))
            let body = Array(buffer: try await response.body.collect(upTo: 16 << 20))
            try? await client.shutdown()
            let value = try? JSONValue(parsing: body)
            guard response.status == .ok, let value else {
                let detail = value?["detail"]?.stringValue.map { ": \($0)" } ?? ""
                throw Failure(description: "\(url) answered \(response.status.code)\(detail)")
            }
            return value
        } catch let failure as Failure {
            throw failure
        } catch {
            try? await client.shutdown()
            throw Failure(description: "\(url) does not answer; does the server run?")
        }
    }

    private var isLocal: Bool {
        ["https://127.0.0.1:", "https://[::1]:", "https://localhost:"].contains { url.hasPrefix($0) }
    }
}
