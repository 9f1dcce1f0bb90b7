// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateNATS
internal import Dispatch
package import FloodgateIngest
internal import Synchronization

/// `EventTransport` over NATS JetStream: a stream for each partition, with copies at several brokers.
///
/// A payload of more than 512 KiB is divided: its first piece is the message, the others lie in a stream of their own,
/// where they are acknowledged by the brokers before the message is sent, and are read when it comes.
package final class NATSTransport: EventTransport {
    struct State {
        var connection: NATSConnection?
        var pullers: [Int: NATSPuller] = [:]
        /// When each partition was made; nil until all was looked at, and again when something seems to be gone.
        var epochs: [Int64]?
        /// Whether the stream of notes was made; false again when it seems to be gone.
        var hasNotes = false
        var unreadable: Int64 = 0
        var isClosed = false
    }

    let address: NATSAddress
    let streams: NATSStreams
    let state = Mutex(State())
    // Calls that wait for an answer block; publishing does only while the connection's buffer is full.
    let control = DispatchQueue(label: "floodgate.nats.control")
    private let publishing = DispatchQueue(label: "floodgate.nats.publish")

    /// Makes a transport, which connects when it is first used.
    package init(_ address: NATSAddress) {
        self.address = address
        streams = NATSStreams(address: address)
    }

    package var partitionCount: Int { address.partitions }

    package var isConnected: Bool { state.withLock { $0.connection }?.isConnected ?? false }

    package func prepare() async throws(TransportError) {
        _ = try await prepared()
    }

    @discardableResult
    package func publish(_ batch: LoggedBatch, from node: String) async throws(TransportError) -> TransportReceipt {
        let envelope = try TransportEnvelope(batch, from: node)
        let connection = try await prepared().connection
        let pieces = Self.pieces(batch.payload)
        for number in pieces.indices.dropFirst() {
            let subject = streams.part(number, of: node, batch.id)
            _ = try await send(pieces[number], to: subject, id: "\(envelope.id)/\(number)", [:], connection)
        }
        let partition = EventPartition.index(
            environment: batch.environment,
            position: batch.id,
            count: address.partitions
        )
        var headers = [NATSHeader.batch: envelope.header]
        if pieces.count > 1 { headers[NATSHeader.parts] = String(pieces.count) }
        let receipt = try await send(pieces[0], to: streams.subject(partition), id: envelope.id, headers, connection)
        return TransportReceipt(isNew: receipt.isNew, partition: partition, sequence: receipt.sequence)
    }

    package func status() async throws(TransportError) -> TransportStatus {
        let connection = try await prepared().connection
        let streams = streams
        let partitions = try await control.perform { () throws(TransportError) in
            var found: [TransportStatus.Partition] = []
            for partition in 0..<streams.address.partitions {
                found.append(try streams.status(of: partition, connection.context))
            }
            return found
        }
        return TransportStatus(
            partitions: partitions,
            isConnected: connection.isConnected,
            unreadable: state.withLock { $0.unreadable }
        )
    }

    package func shutdown() async {
        let connection = state.withLock { state in
            state.isClosed = true
            state.pullers = [:]
            defer { state.connection = nil }
            return state.connection
        }
        connection?.close()
    }

    /// The connection and the partitions' epochs; connects and makes the streams if that is still to be done.
    func prepared() async throws(TransportError) -> (connection: NATSConnection, epochs: [Int64]) {
        if let ready = try ready() { return ready }
        return try await control.perform { () throws(TransportError) in
            // Another call may have been here first.
            if let ready = try self.ready() { return ready }
            var connection = self.state.withLock { $0.connection }
            if connection?.isClosed ?? true {
                let made = try NATSConnection(self.address)
                try self.state.withLock { state throws(TransportError) in
                    guard !state.isClosed else { throw NATSAcknowledgements.closed }
                    state.connection = made
                    state.pullers = [:]
                }
                connection = made
            }
            guard let connection else { throw NATSAcknowledgements.closed }
            let epochs = try self.streams.prepare(connection.context)
            self.state.withLock { $0.epochs = epochs }
            return (connection, epochs)
        }
    }

    private func ready() throws(TransportError) -> (connection: NATSConnection, epochs: [Int64])? {
        try state.withLock { state throws(TransportError) in
            guard !state.isClosed else { throw NATSAcknowledgements.closed }
            guard let connection = state.connection, let epochs = state.epochs, !connection.isClosed else { return nil }
            return (connection, epochs)
        }
    }

    /// Has the streams looked at again before the next call.
    func doubt() {
        state.withLock { $0.epochs = nil }
    }

    /// The payload in pieces that fit into messages; at least one.
    static func pieces(_ payload: [UInt8]) -> [ArraySlice<UInt8>] {
        guard payload.count > NATSStreams.partBytes else { return [payload[...]] }
        return stride(from: 0, to: payload.count, by: NATSStreams.partBytes).map { start in
            payload[start..<min(payload.count, start + NATSStreams.partBytes)]
        }
    }

    /// Sends one message and waits until the broker has acknowledged it, or five seconds have passed.
    private func send(
        _ payload: ArraySlice<UInt8>,
        to subject: String,
        id: String,
        _ headers: [String: String],
        _ connection: NATSConnection
    ) async throws(TransportError) -> NATSAcknowledgements.Receipt {
        let result: Result<NATSAcknowledgements.Receipt, TransportError> = await withCheckedContinuation { waiter in
            publishing.async {
                Self.send(payload, to: subject, id: id, headers, connection, waiter)
            }
        }
        // The stream may be gone for good, or without a leader for a moment.
        if case .failure(let error) = result, error.code == .unavailable, connection.isConnected { doubt() }
        return try result.get()
    }

    private static func send(
        _ payload: ArraySlice<UInt8>,
        to subject: String,
        id: String,
        _ headers: [String: String],
        _ connection: NATSConnection,
        _ waiter: NATSAcknowledgements.Waiter
    ) {
        let deed = "Publishing a batch"
        var message: OpaquePointer?
        var status = payload.withUnsafeBytes { bytes in
            natsMsg_Create(&message, subject, nil, bytes.bindMemory(to: CChar.self).baseAddress, CInt(bytes.count))
        }
        for (name, value) in headers where status == NATS_OK { status = natsMsgHeader_Set(message, name, value) }
        guard status == NATS_OK, let sent = message else {
            natsMsg_Destroy(message)
            waiter.resume(returning: .failure(TransportError(status, doing: deed)))
            return
        }
        let address = UInt(bitPattern: sent)
        guard connection.acknowledgements.wait(for: sent, waiter) else {
            natsMsg_Destroy(sent)
            waiter.resume(returning: .failure(NATSAcknowledgements.closed))
            return
        }
        status = id.withCString { id in
            var options = jsPubOptions()
            jsPubOptions_Init(&options)
            options.MsgId = id
            options.MaxWait = 5_000
            return js_PublishMsgAsync(connection.context, &message, &options)
        }
        guard status != NATS_OK else { return }
        // Nobody calls back for a message that was not sent.
        let left = connection.acknowledgements.take(address)
        natsMsg_Destroy(message)
        left?.resume(returning: .failure(TransportError(status, doing: deed)))
    }
}
