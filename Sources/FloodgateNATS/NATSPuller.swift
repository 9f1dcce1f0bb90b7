// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateNATS
internal import Dispatch
internal import FloodgateIngest

/// Pulls the messages of one partition; each call waits for the one before.
// SAFETY: `subscription` is used and freed on `queue` alone, but in `deinit`, when nobody else can.
final class NATSPuller: @unchecked Sendable {
    private let connection: NATSConnection
    private let stream: String
    private let subject: String
    private let queue: DispatchQueue
    private var subscription: OpaquePointer?

    init(_ connection: NATSConnection, stream: String, subject: String) {
        self.connection = connection
        self.stream = stream
        self.subject = subject
        // Waiting blocks, so that each partition has a thread of its own while somebody asks for it.
        queue = DispatchQueue(label: "floodgate.nats.\(stream)")
    }

    deinit {
        natsSubscription_Destroy(subscription)
    }

    /// Up to `limit` messages, waiting up to `milliseconds` for the first.
    func pull(_ limit: Int, within milliseconds: Int64) async throws(TransportError) -> [NATSMessage] {
        try await queue.perform { () throws(TransportError) in
            let subscription = try self.subscribe()
            var list = natsMsgList()
            var code = jsErrCode(rawValue: 0)
            let status = natsSubscription_Fetch(&list, subscription, CInt(clamping: limit), milliseconds, &code)
            defer { natsMsgList_Destroy(&list) }
            if status == NATS_TIMEOUT { return [] }
            guard status == NATS_OK else {
                natsSubscription_Destroy(subscription)
                self.subscription = nil
                throw TransportError(status, code, doing: "Pulling from stream \(self.stream)")
            }
            return (0..<Int(list.Count)).compactMap { list.Msgs[$0].flatMap { NATSMessage($0) } }
        }
    }

    private func subscribe() throws(TransportError) -> OpaquePointer {
        if let subscription { return subscription }
        var made: OpaquePointer?
        var code = jsErrCode(rawValue: 0)
        let status = withCStrings([stream, NATSStreams.consumer]) { pointers in
            var options = jsSubOptions()
            jsSubOptions_Init(&options)
            options.Stream = pointers[0]
            options.Consumer = pointers[1]
            options.ManualAck = true
            return js_PullSubscribe(&made, connection.context, subject, pointers[1], nil, &options, &code)
        }
        guard status == NATS_OK, let made else {
            throw TransportError(status, code, doing: "Subscribing to stream \(stream)")
        }
        // A pull never brings more than was asked for.
        natsSubscription_SetPendingLimits(made, -1, -1)
        subscription = made
        return made
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
