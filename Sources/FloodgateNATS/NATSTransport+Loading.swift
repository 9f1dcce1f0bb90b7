// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateNATS
package import FloodgateIngest
internal import Synchronization

// What the loader asks for.
extension NATSTransport {
    package func pull(
        partition: Int,
        limit: Int,
        within time: Duration
    ) async throws(TransportError) -> [TransportDelivery] {
        guard 0..<address.partitions ~= partition, limit > 0 else { return [] }
        let (connection, epochs) = try await prepared()
        let milliseconds = time.components.seconds.multipliedReportingOverflow(by: 1_000)
        let wait =
            milliseconds.overflow
            ? 60_000
            : milliseconds.partialValue + time.components.attoseconds / 1_000_000_000_000_000
        let messages: [NATSMessage]
        do {
            messages = try await puller(of: partition, connection).pull(
                min(limit, 1_024),
                within: max(1, min(60_000, wait))
            )
        } catch {
            if connection.isConnected { doubt() }
            throw error
        }
        var found: [TransportDelivery] = []
        for message in messages {
            // What cannot be opened comes again after a while, and shows in the status.
            if let envelope = try? await open(message, connection) {
                found.append(
                    TransportDelivery(
                        node: envelope.node,
                        batch: envelope.batch,
                        partition: partition,
                        epoch: epochs[partition],
                        sequence: message.sequence,
                        storedAt: message.storedAt,
                        deliveryCount: message.deliveryCount,
                        token: message.token
                    )
                )
            } else {
                state.withLock { $0.unreadable += 1 }
            }
        }
        return found
    }

    package func extent(of partition: Int) async throws(TransportError) -> TransportExtent {
        guard 0..<address.partitions ~= partition else { return TransportExtent(epoch: 0, first: 1, last: 0) }
        let (connection, epochs) = try await prepared()
        let streams = streams
        do {
            let extent = try await control.perform { () throws(TransportError) in
                try streams.extent(of: partition, connection.context)
            }
            // Made anew by another node; the next delivery is to say so.
            if extent.epoch != epochs[partition] { doubt() }
            return extent
        } catch {
            if connection.isConnected { doubt() }
            throw error
        }
    }

    package func read(partition: Int, sequence: UInt64) async throws(TransportError) -> TransportDelivery? {
        guard 0..<address.partitions ~= partition, sequence > 0 else { return nil }
        let (connection, epochs) = try await prepared()
        let streams = streams
        let message = try await control.perform { () throws(TransportError) in
            try streams.read(partition, sequence, connection.context)
        }
        guard let message else { return nil }
        guard let envelope = try await open(message, connection) else {
            throw TransportError(.failed, "Message \(sequence) of \(streams.stream(partition)) is no whole batch")
        }
        return TransportDelivery(
            node: envelope.node,
            batch: envelope.batch,
            partition: partition,
            epoch: epochs[partition],
            sequence: sequence,
            storedAt: message.storedAt,
            deliveryCount: 0,
            token: ""
        )
    }

    package func isKept(
        _ position: Int64,
        of node: String,
        in partition: Int,
        at sequence: UInt64
    ) async throws(TransportError) -> Bool? {
        guard 0..<address.partitions ~= partition, sequence > 0 else { return nil }
        let connection = try await prepared().connection
        let streams = streams
        let message = try await control.perform { () throws(TransportError) in
            try streams.read(partition, sequence, connection.context)
        }
        return message.map { $0.id == TransportEnvelope.id(of: position, from: node) }
    }

    package func note(of partition: Int) async throws(TransportError) -> TransportNote {
        try await withNotes { streams, context throws(TransportError) in
            try streams.readNote(of: partition, context)
        }
    }

    package func setNote(
        _ text: String,
        of partition: Int,
        replacing version: UInt64
    ) async throws(TransportError) -> UInt64 {
        try await withNotes { streams, context throws(TransportError) in
            try streams.writeNote(text, of: partition, replacing: version, context)
        }
    }

    /// Does `body` with the stream of notes, which is made if that is still to be done.
    private func withNotes<Value: Sendable>(
        _ body: @escaping @Sendable (NATSStreams, OpaquePointer) throws(TransportError) -> Value
    ) async throws(TransportError) -> Value {
        let connection = try await prepared().connection
        let streams = streams
        do {
            return try await control.perform { () throws(TransportError) in
                if !self.state.withLock({ $0.hasNotes }) {
                    try streams.prepareNotes(connection.context)
                    self.state.withLock { $0.hasNotes = true }
                }
                return try body(streams, connection.context)
            }
        } catch {
            // It may be gone for good. Batches have nothing to do with it.
            if error.code != .overtaken { state.withLock { $0.hasNotes = false } }
            throw error
        }
    }

    package func acknowledge(_ deliveries: [TransportDelivery]) async throws(TransportError) {
        guard !deliveries.isEmpty else { return }
        try await answer(deliveries, "+ACK", isAwaited: true)
        let connection = try await prepared().connection
        let streams = streams
        for delivery in deliveries where delivery.batch.payload.count > NATSStreams.partBytes {
            let subject = streams.part(nil, of: delivery.node, delivery.batch.id)
            try await control.perform { () throws(TransportError) in
                try streams.removeParts(subject, connection.context)
            }
        }
    }

    package func extend(_ deliveries: [TransportDelivery]) async throws(TransportError) {
        try await answer(deliveries, "+WPI", isAwaited: false)
    }

    package func release(_ deliveries: [TransportDelivery]) async throws(TransportError) {
        try await answer(deliveries, "-NAK", isAwaited: false)
    }

    /// Tells the broker what became of `deliveries`; returns when it has heard it.
    ///
    /// The answers of a connection are read in order, so that only the last one of each partition has to be awaited.
    private func answer(
        _ deliveries: [TransportDelivery],
        _ word: String,
        isAwaited: Bool
    ) async throws(TransportError) {
        guard !deliveries.isEmpty else { return }
        let connection = try await prepared().connection
        var last: [Int: String] = [:]
        if isAwaited { for delivery in deliveries { last[delivery.partition] = delivery.token } }
        let awaited = Set(last.values)
        try await control.perform { () throws(TransportError) in
            let deed = "Answering the broker"
            for delivery in deliveries where !awaited.contains(delivery.token) {
                let status = natsConnection_PublishString(connection.connection, delivery.token, word)
                try NATSConnection.check(status, deed)
            }
            for token in awaited {
                var reply: OpaquePointer?
                let status = natsConnection_RequestString(&reply, connection.connection, token, word, 5_000)
                natsMsg_Destroy(reply)
                try NATSConnection.check(status, deed)
            }
            if awaited.isEmpty {
                try NATSConnection.check(natsConnection_FlushTimeout(connection.connection, 5_000), deed)
            }
        }
    }

    private func puller(of partition: Int, _ connection: NATSConnection) -> NATSPuller {
        state.withLock { state in
            if let puller = state.pullers[partition] { return puller }
            let puller = NATSPuller(connection, stream: streams.stream(partition))
            state.pullers[partition] = puller
            return puller
        }
    }

    /// The batch of `message` with all its parts; nil if it is none, or if a part is not there.
    private func open(
        _ message: NATSMessage,
        _ connection: NATSConnection
    ) async throws(TransportError) -> TransportEnvelope? {
        guard let header = message.header, 1...1_024 ~= message.parts,
            var envelope = try? TransportEnvelope(header: header, payload: message.payload)
        else { return nil }
        let streams = streams
        for number in 1..<message.parts {
            let subject = streams.part(number, of: envelope.node, envelope.batch.id)
            let part = try await control.perform { () throws(TransportError) in
                try streams.readPart(subject, connection.context)
            }
            guard let part else { return nil }
            envelope.batch.payload += part
        }
        return envelope
    }
}
