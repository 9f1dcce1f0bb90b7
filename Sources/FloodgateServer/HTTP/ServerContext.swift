// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateControlPlane
package import Hummingbird
import Logging
import NIOCore
import Synchronization

/// What is known of a request before anybody looked at its key.
package struct ServerContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// The peer's address, without its port; nil if it has none.
    package private(set) var remoteAddress: String?
    /// The key that opened the route; only the front door sets it.
    var caller: SDKKey?
    /// Who is at the console; only `AuthenticateConsole` sets it.
    var actor: String?
    /// Whether who is at the console would still be let in, for answers that have no end.
    var isStillWelcome: @Sendable () -> Bool = { true }
    /// Where the code of an error is left for metrics and the log.
    var fault = Fault()
    /// Where a route leaves the feed that its answer goes on with.
    var feed = FeedSlot()
    /// Whether the request's path began with the prefix that the server is mounted under.
    var hadPathPrefix = false

    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
        remoteAddress = source.channel.remoteAddress?.ipAddress
    }

    /// Puts the address that counts in the place of the socket's.
    mutating func setRemoteAddress(_ address: String?) { remoteAddress = address }
}

/// What went wrong with one request, if anything did.
final class Fault: Sendable {
    private let held = Mutex<String?>(nil)

    /// The code of the error.
    var code: String? {
        get { held.withLock { $0 } }
        set { held.withLock { $0 = newValue } }
    }
}

/// A request with an SDK's key.
package struct SDKContext: ChildRequestContext {
    package var coreContext: CoreRequestContextStorage
    /// The key that was sent: known, active and of a kind that may use the route.
    package let caller: SDKKey
    /// The peer's address, without its port.
    package let remoteAddress: String?
    let hadPathPrefix: Bool
    /// Where the code of an error is left for metrics and the log.
    let fault: Fault
    /// Where a route leaves the feed that its answer goes on with.
    let feed: FeedSlot

    package init(context: ServerContext) throws {
        guard let caller = context.caller else {
            throw ServerError(.internalFault, "The route was set up without a look at the key")
        }
        coreContext = context.coreContext
        self.caller = caller
        remoteAddress = context.remoteAddress
        hadPathPrefix = context.hadPathPrefix
        fault = context.fault
        feed = context.feed
    }
}

/// A request of somebody who may see and change everything.
package struct ConsoleContext: ChildRequestContext {
    package var coreContext: CoreRequestContextStorage
    /// Who it is, as audit records name them.
    package let actor: String
    /// Whether they would still be let in, for answers that have no end.
    let isStillWelcome: @Sendable () -> Bool

    package init(context: ServerContext) throws {
        guard let actor = context.actor else {
            throw ServerError(.internalFault, "The route was set up without a look at who is there")
        }
        coreContext = context.coreContext
        self.actor = actor
        isStillWelcome = context.isStillWelcome
    }
}

extension RequestContext {
    /// What the request is called in logs and error answers.
    package var requestID: String? {
        switch logger[metadataKey: "hb.request.id"] {
        case .string(let text): text
        case .stringConvertible(let value): "\(value)"
        default: nil
        }
    }
}
