// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateNATS
internal import Dispatch
internal import FloodgateIngest

/// Pulls the messages of one partition; each call waits for the one before.
///
/// It asks by JetStream's own requests: `natsSubscription_Fetch` of libnats 3.4 writes behind the end of its list when
/// messages of an earlier request come with those of a later one.
// SAFETY: `subscription` and `requests` are used on `queue` alone, and freed in `deinit`, when nobody else can.
final class NATSPuller: @unchecked Sendable {
    private let connection: NATSConnection
    private let stream: String
    private let queue: DispatchQueue
    private var subscription: (handle: OpaquePointer, inbox: String)?
    private var requests = 0

    init(_ connection: NATSConnection, stream: String) {
        self.connection = connection
        self.stream = stream
        // Waiting blocks, so that each partition has a thread of its own while somebody asks for it.
        queue = DispatchQueue(label: "floodgate.nats.\(stream)")
    }

    deinit {
        natsSubscription_Destroy(subscription?.handle)
    }

    /// Up to `limit` messages, waiting up to `milliseconds` for the first.
    func pull(_ limit: Int, within milliseconds: Int64) async throws(TransportError) -> [NATSMessage] {
        try await queue.perform { () throws(TransportError) in
            let (handle, inbox) = try self.subscribe()
            var found: [NATSMessage] = []
            // What came too late for an earlier call.
            while found.count < limit, let message = try self.next(handle, within: 0) {
                if let message = NATSMessage(message) { found.append(message) }
            }
            guard found.isEmpty else { return found }

            let request = try self.ask(for: limit, within: milliseconds, inbox)
            var patience = milliseconds + 250
            while found.count < limit, let message = try self.next(handle, within: patience) {
                if let status = NATSStatus(message, of: request) {
                    natsMsg_Destroy(message)
                    try status.check(self.stream)
                    break
                }
                guard let message = NATSMessage(message) else { continue }
                found.append(message)
                // The others of the request are close behind.
                patience = 10
            }
            return found
        }
    }

    /// The next message, which the caller frees or copies; nil if none comes in time.
    private func next(_ handle: OpaquePointer, within milliseconds: Int64) throws(TransportError) -> OpaquePointer? {
        var message: OpaquePointer?
        let status = natsSubscription_NextMsg(&message, handle, milliseconds)
        if status == NATS_TIMEOUT { return nil }
        guard status == NATS_OK else {
            natsSubscription_Destroy(handle)
            subscription = nil
            throw TransportError(status, doing: "Pulling from stream \(stream)")
        }
        return message
    }

    /// Asks for what there is, or for what comes first.
    /// - Returns: The subject that the broker tells on when there is no more.
    private func ask(for limit: Int, within milliseconds: Int64, _ inbox: String) throws(TransportError) -> String {
        requests &+= 1
        let reply = "\(inbox).\(requests)"
        let text = "{\"batch\":\(limit),\"expires\":\(milliseconds * 1_000_000),\"no_wait\":true}"
        let subject = "$JS.API.CONSUMER.MSG.NEXT.\(stream).\(NATSStreams.consumer)"
        let status = natsConnection_PublishRequestString(connection.connection, subject, reply, text)
        try NATSConnection.check(status, "Pulling from stream \(stream)")
        return reply
    }

    private func subscribe() throws(TransportError) -> (OpaquePointer, String) {
        if let subscription { return subscription }
        var made: OpaquePointer?
        let inbox = try Self.makeInbox()
        let status = natsConnection_SubscribeSync(&made, connection.connection, inbox + ".*")
        guard status == NATS_OK, let made else { throw TransportError(status, doing: "Subscribing to \(stream)") }
        // No more comes than was asked for.
        natsSubscription_SetPendingLimits(made, -1, -1)
        subscription = (made, inbox)
        return (made, inbox)
    }

    private static func makeInbox() throws(TransportError) -> String {
        var made: UnsafeMutablePointer<natsInbox>?
        let status = natsInbox_Create(&made)
        guard status == NATS_OK, let made else { throw TransportError(status, doing: "Naming a subscription") }
        defer { natsInbox_Destroy(made) }
        return String(cString: made)
    }
}

/// How the broker ends a request.
struct NATSStatus {
    private let code: Int

    /// What `message` says about `request`; nil if it is a batch, or about another request.
    init?(_ message: OpaquePointer, of request: String) {
        guard let subject = natsMsg_GetSubject(message), String(cString: subject) == request else { return nil }
        code = NATSMessage.header("Status", of: message).flatMap { Int($0) } ?? 0
    }

    /// Whether there just is no more.
    /// - Throws: `.unavailable` if nobody was there to ask.
    func check(_ stream: String) throws(TransportError) {
        // 404 and 408: there is nothing, or no more. 409: as much is held as may be, or the leader has changed.
        guard code == 503 else { return }
        throw TransportError(NATS_NO_RESPONDERS, doing: "Pulling from stream \(stream)")
    }
}

extension DispatchQueue {
    /// Runs `work`, which blocks, on the queue.
    func perform<Value: Sendable>(
        _ work: @escaping @Sendable () throws(TransportError) -> Value
    ) async throws(TransportError) -> Value {
        let result: Result<Value, TransportError> = await withCheckedContinuation { continuation in
            async { continuation.resume(returning: Result(catching: work)) }
        }
        return try result.get()
    }
}
