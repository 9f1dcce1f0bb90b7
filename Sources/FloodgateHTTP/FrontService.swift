// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import HTTPTypes
package import NIOCore

/// A request that came in whole.
package struct InboundRequest: Sendable {
    /// Method, path and fields.
    package let head: HTTPRequest
    /// All of the body, as it was sent: not decompressed.
    package let body: ByteBuffer
    /// What the request is called in logs and answers.
    package let id: String
    /// Who sent it, as far as the listener can tell.
    package let peer: Peer
    /// On what terms it was let in.
    package let terms: RequestTerms
    /// The connection, or the stream of one.
    package let channel: any Channel
    /// What the body holds of the process's budget: given back when the request is forgotten.
    let lease: ByteBudget.Lease?
    /// When work on it began, by `MonotonicClock`.
    package internal(set) var startedAt: UInt64 = 0
}

/// An answer as it is made for one request.
package struct OutboundAnswer: Sendable {
    /// The body of an answer.
    package enum Body: Sendable {
        /// All there is.
        case bytes(ByteBuffer)
        /// Parts as they come: the closure returns when there are no more, and throws to break the answer off.
        case parts(length: Int?, @Sendable (any AnswerWriter) async throws -> Void)
        /// Events as they come.
        case events(FeedTerms)
    }

    /// Status and fields.
    package var head: HTTPResponse
    /// The body.
    package var body: Body

    /// An answer.
    package init(_ head: HTTPResponse, _ body: Body) {
        self.head = head
        self.body = body
    }
}

/// Takes the parts of a body that is still being made.
package protocol AnswerWriter: Sendable {
    /// Sends `part`, and returns when the connection has taken it.
    /// - Throws: If the client is gone or takes too long.
    func write(_ part: ByteBuffer) async throws
}

/// On what terms a request is let in.
package struct RequestTerms: Sendable {
    /// Which route it is, for logs and metrics: an index of the service's.
    package let route: Int
    /// How many bytes the body may have.
    package let bodyLimit: Int
    /// How long making the answer may take; a body that comes in parts may take longer.
    package let timeout: Duration
    /// What to say when it took longer.
    package let lateness: Refusal
    /// Fields that a good answer has besides the route's.
    package let fields: [Refusal.Field]
    /// Who asks, as the service knows them.
    package let caller: (any Sendable)?
    /// What its body counts against, with those of all others; nil for nothing.
    package let bodies: ByteBudget?
    /// How urgent the answer is; nil for no more than others.
    package let priority: TaskPriority?

    /// Terms.
    package init(
        route: Int,
        bodyLimit: Int,
        timeout: Duration,
        lateness: Refusal,
        fields: [Refusal.Field] = [],
        caller: (any Sendable)? = nil,
        bodies: ByteBudget? = nil,
        priority: TaskPriority? = nil
    ) {
        self.route = route
        self.bodyLimit = bodyLimit
        self.timeout = timeout
        self.lateness = lateness
        self.fields = fields
        self.caller = caller
        self.bodies = bodies
        self.priority = priority
    }
}

/// Where a request came from.
package struct Peer: Sendable {
    /// The address of the socket's other end, or what a PROXY header said in its place; nil for one that has none.
    package let address: SocketAddress?
    /// Whether the connection is encrypted.
    package let isSecure: Bool
    /// Whether it speaks HTTP/2.
    package var usesHTTP2 = false

    /// A peer.
    package init(address: SocketAddress?, isSecure: Bool) {
        self.address = address
        self.isSecure = isSecure
    }
}

/// What stands behind the front door.
package protocol FrontService: Sendable {
    /// Decides on a request by its head alone, before any of its body is read; called on the event loop, so it must
    /// not wait for anything.
    func receive(_ head: RequestHead, from peer: Peer, on loop: LoopState) -> FrontVerdict

    /// Asks for a turn for a request that came in whole; called on the event loop.
    /// - Parameters:
    ///   - terms: On what terms the request was let in.
    ///   - then: Told what becomes of a request that has to wait, once, from any thread.
    /// - Returns: What becomes of it; with `now` it is worked on, and the turn given back, or at once given back.
    func enter(_ terms: RequestTerms, then: @escaping @Sendable (Turn) -> Void) -> Turn

    /// Gives back the turn of a request that was forgotten before work on it began.
    func leave(_ terms: RequestTerms)

    /// What a request is answered that got no turn.
    func refused(_ request: InboundRequest) -> OutboundAnswer

    /// Answers a request whose turn it is where it came in, and gives the turn back; nil for one that wants a task of its own.
    ///
    /// Called on the event loop, so it must not wait for anything, and must take no longer than it takes to hand the request
    /// to another thread and its answer back, or little longer.
    func answerAtOnce(_ request: InboundRequest) -> OutboundAnswer?

    /// Begins to answer a request whose turn it is where it came in; false for one that wants a task of its own.
    ///
    /// Called on `loop`, for as long as `answerAtOnce` may take. `then` is called once, on the loop and with bytes, when there
    /// is nothing to wait for any more, and the turn is given back by then.
    func begin(
        _ request: InboundRequest,
        on loop: any EventLoop,
        then: @escaping @Sendable (OutboundAnswer) -> Void
    ) -> Bool

    /// Answers a request whose turn it is, and gives the turn back.
    func answer(_ request: InboundRequest) async -> OutboundAnswer

    /// The body of the answer to a request that is refused, with its content type.
    func problem(_ refusal: Refusal, requestID: String) -> (contentType: String, bytes: [UInt8])

    /// Told of every request that was not served, by the status and code of its refusal; it is named next.
    func didRefuse(_ refusal: Refusal, route: Int?, on loop: LoopState)

    /// The same of a request that was let in, if it was, and so has its name already.
    func didRefuse(_ refusal: Refusal, route: Int?, requestID: String?, on loop: LoopState)
}

extension FrontService {
    package func didRefuse(_ refusal: Refusal, route: Int?, requestID: String?, on loop: LoopState) {
        didRefuse(refusal, route: route, on: loop)
    }
}

/// Without a limit of its own, a service works on whatever comes.
extension FrontService {
    package func enter(_ terms: RequestTerms, then: @escaping @Sendable (Turn) -> Void) -> Turn { .now }

    package func leave(_ terms: RequestTerms) {}

    package func answerAtOnce(_ request: InboundRequest) -> OutboundAnswer? { nil }

    package func begin(
        _ request: InboundRequest,
        on loop: any EventLoop,
        then: @escaping @Sendable (OutboundAnswer) -> Void
    ) -> Bool { false }

    package func refused(_ request: InboundRequest) -> OutboundAnswer {
        OutboundAnswer(HTTPResponse(status: .serviceUnavailable), .bytes(ByteBuffer()))
    }
}

/// Whether a request may be worked on.
package enum Turn: Sendable {
    /// Now.
    case now
    /// When others are done; it will be told.
    case later
    /// Not at all: there is too much to do.
    case refused
}

/// What becomes of a request.
package enum FrontVerdict {
    /// It is answered at once.
    case fast(FastAnswer, route: Int)
    /// It is answered when its body is there.
    case serve(RequestTerms)
    /// It is refused.
    case refuse(Refusal, route: Int?)
}
