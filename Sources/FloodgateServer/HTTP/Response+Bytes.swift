// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON
package import HTTPTypes
package import Hummingbird
import NIOCore

extension ResponseBody {
    /// A body of bytes that are there already.
    package init(bytes: [UInt8]) { self.init(byteBuffer: ByteBuffer(bytes: bytes)) }
}

extension Response {
    /// An answer in JSON that nobody keeps.
    package static func json(
        _ value: FloodgateJSON.JSONValue,
        status: HTTPResponse.Status = .ok
    ) -> Response {
        json(bytes: value.bytes, status: status)
    }

    /// A response that nobody keeps, of JSON text.
    package static func json(bytes: [UInt8], status: HTTPResponse.Status = .ok) -> Response {
        Response(
            status: status,
            headers: [.contentType: "application/json", .cacheControl: "no-store"],
            body: ResponseBody(bytes: bytes)
        )
    }
}

extension HTTPField.Name {
    /// Known to be valid, since the literals below are tokens.
    private static func literal(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { return .server }
        return name
    }

    /// An SDK's key.
    package static let sdkKey = literal("statsig-api-key")
    /// The time of the snapshot sent, in Unix milliseconds.
    package static let sinceTime = literal("x-since-time")
    /// When an SDK sent the request, by its own clock, in Unix milliseconds.
    package static let clientTime = literal("statsig-client-time")
    /// Names a request that may be sent again, and so its events.
    package static let idempotencyKey = literal("idempotency-key")
    /// What the request is called in logs.
    package static let requestID = literal("x-request-id")
    /// The size of an ID-list file as the manifest had it.
    package static let idListFileSize = literal("statsig-id-list-file-size")
    /// Where a browser's request comes from, as the browser says.
    package static let fetchSite = literal("sec-fetch-site")
    /// Who says that a state is the newest, and when that was.
    static let age = literal("floodgate-age")
    static let heartbeat = literal("floodgate-heartbeat")
    /// What an edge knew of whoever sent a batch of events.
    static let batch = literal("floodgate-batch")
    /// What names a run of an SDK.
    package static let sessionID = literal("statsig-server-session-id")
    /// What an SDK calls itself.
    package static let sdkType = literal("statsig-sdk-type")
    /// Its version.
    package static let sdkVersion = literal("statsig-sdk-version")
    /// What people call an instance.
    package static let instance = literal("floodgate-instance")
    /// Asks proxies of nginx's kind to pass every piece on at once.
    static let accelBuffering = literal("x-accel-buffering")
}
