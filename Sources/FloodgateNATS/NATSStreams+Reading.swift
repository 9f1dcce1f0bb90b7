// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateNATS
internal import FloodgateIngest

extension NATSStreams {
    /// How much a partition holds.
    func status(of partition: Int, _ context: OpaquePointer) throws(TransportError) -> TransportStatus.Partition {
        let deed = "Asking for the state of stream \(stream(partition))"
        var code = jsErrCode(rawValue: 0)
        var consumer: UnsafeMutablePointer<jsConsumerInfo>?
        var status = js_GetConsumerInfo(&consumer, context, stream(partition), Self.consumer, nil, &code)
        guard status == NATS_OK, let consumer else { throw TransportError(status, code, doing: deed) }
        defer { jsConsumerInfo_Destroy(consumer) }
        var stream: UnsafeMutablePointer<jsStreamInfo>?
        status = js_GetStreamInfo(&stream, context, self.stream(partition), nil, &code)
        guard status == NATS_OK, let stream else { throw TransportError(status, code, doing: deed) }
        defer { jsStreamInfo_Destroy(stream) }
        return TransportStatus.Partition(
            partition: partition,
            pending: Int64(clamping: consumer.pointee.NumPending),
            unacknowledged: consumer.pointee.NumAckPending,
            redelivered: consumer.pointee.NumRedelivered,
            storedBytes: Int64(clamping: stream.pointee.State.Bytes),
            limitBytes: stream.pointee.Config?.pointee.MaxBytes ?? .max
        )
    }

    /// Which messages a partition may have.
    func extent(of partition: Int, _ context: OpaquePointer) throws(TransportError) -> TransportExtent {
        var code = jsErrCode(rawValue: 0)
        var info: UnsafeMutablePointer<jsStreamInfo>?
        let status = js_GetStreamInfo(&info, context, stream(partition), nil, &code)
        guard status == NATS_OK, let info else {
            throw TransportError(status, code, doing: "Asking for the extent of stream \(stream(partition))")
        }
        defer { jsStreamInfo_Destroy(info) }
        // Only a leader knows all; a broker that stands alone is in no cluster.
        if let cluster = info.pointee.Cluster, cluster.pointee.Leader.map({ $0.pointee == 0 }) ?? true {
            throw TransportError(.unavailable, "Stream \(stream(partition)) has no leader that knows what is in it")
        }
        let state = info.pointee.State
        let first = state.Msgs == 0 ? state.LastSeq &+ 1 : state.FirstSeq
        return TransportExtent(
            epoch: info.pointee.Created,
            first: first,
            last: state.LastSeq,
            firstStoredAt: state.Msgs == 0 ? nil : NATSMessage.milliseconds(state.FirstTime)
        )
    }

    /// The message with that number, whoever holds it; nil if it is not there.
    func read(
        _ partition: Int,
        _ sequence: UInt64,
        _ context: OpaquePointer
    ) throws(TransportError) -> NATSMessage? {
        var message: OpaquePointer?
        var code = jsErrCode(rawValue: 0)
        let status = js_GetMsg(&message, context, stream(partition), sequence, nil, &code)
        defer { natsMsg_Destroy(message) }
        if status == NATS_NOT_FOUND { return nil }
        guard status == NATS_OK, let message else {
            throw TransportError(status, code, doing: "Reading from stream \(stream(partition))")
        }
        return NATSMessage(stored: message, sequence: sequence)
    }

    /// The payload of a part; nil if it is not there.
    func readPart(_ subject: String, _ context: OpaquePointer) throws(TransportError) -> [UInt8]? {
        var message: OpaquePointer?
        var code = jsErrCode(rawValue: 0)
        let status = js_GetLastMsg(&message, context, parts, subject, nil, &code)
        defer { natsMsg_Destroy(message) }
        if status == NATS_NOT_FOUND { return nil }
        guard status == NATS_OK, let message else {
            throw TransportError(status, code, doing: "Reading a part of a batch")
        }
        return NATSMessage.payload(of: message)
    }

    /// Removes all parts of a batch.
    func removeParts(_ subject: String, _ context: OpaquePointer) throws(TransportError) {
        var code = jsErrCode(rawValue: 0)
        let status = subject.withCString { subject in
            var options = jsOptions()
            jsOptions_Init(&options)
            options.Stream.Purge.Subject = subject
            return js_PurgeStream(context, parts, &options, &code)
        }
        guard status == NATS_OK else { throw TransportError(status, code, doing: "Removing the parts of a batch") }
    }
}
