// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateNATS
internal import FloodgateIngest

/// The streams at the brokers: how they are named, what they are to be like, and how they are made.
///
/// A partition is a work queue in files: what its one consumer, `loader`, acknowledges is removed, and when the stream is
/// full new batches are refused. What a large batch does not fit into lies in one more stream, `<prefix>-parts`, until the
/// batch is acknowledged.
struct NATSStreams: Sendable {
    /// The consumer of each partition.
    static let consumer = "loader"
    /// Bytes of a payload in one message; the rest of a larger one lies in parts of that size.
    static let partBytes = 512 << 10
    private static let second: Int64 = 1_000_000_000

    private enum Kind {
        case partition
        case parts
        case notes
    }

    let address: NATSAddress

    func stream(_ partition: Int) -> String { "\(address.prefix)-\(partition)" }
    func subject(_ partition: Int) -> String { "\(address.prefix).\(partition)" }
    var parts: String { "\(address.prefix)-parts" }
    var notes: String { "\(address.prefix)-notes" }
    private var allParts: String { "\(address.prefix).parts.>" }

    /// The subject of a part of the batch, from 1 on; nil for all of them.
    func part(_ number: Int?, of node: String, _ position: Int64) -> String {
        let batch = "\(address.prefix).parts.\(node).\(position >> 32).\(position & 0xFFFF_FFFF)"
        return batch + (number.map { ".\($0)" } ?? ".*")
    }

    /// The subject of what the loaders of a partition tell each other.
    func note(of partition: Int) -> String { "\(address.prefix).notes.\(partition)" }

    /// Makes the streams and consumers that are missing, and changes those whose size, copies or times differ.
    /// - Returns: When each partition's stream was made.
    func prepare(_ context: OpaquePointer) throws(TransportError) -> [Int64] {
        // First, so that nothing is published before its parts can be.
        _ = try make(parts, [allParts], .parts, context)
        var epochs: [Int64] = []
        for partition in 0..<address.partitions {
            epochs.append(try make(stream(partition), [subject(partition)], .partition, context))
            try makeConsumer(of: stream(partition), context)
        }
        return epochs
    }

    /// Makes the stream of what loaders tell each other; batches do without it.
    func prepareNotes(_ context: OpaquePointer) throws(TransportError) {
        _ = try make(notes, ["\(address.prefix).notes.*"], .notes, context)
    }

    private func make(
        _ name: String,
        _ subjects: [String],
        _ kind: Kind,
        _ context: OpaquePointer
    ) throws(TransportError) -> Int64 {
        let deed = "Making stream \(name)"
        var found: UnsafeMutablePointer<jsStreamInfo>?
        var code = jsErrCode(rawValue: 0)
        var status = js_GetStreamInfo(&found, context, name, nil, &code)
        let isMissing = status == NATS_NOT_FOUND
        guard status == NATS_OK || isMissing else { throw TransportError(status, code, doing: deed) }
        if let found, let config = found.pointee.Config {
            defer { jsStreamInfo_Destroy(found) }
            let retention = kind == .partition ? js_WorkQueuePolicy : js_LimitsPolicy
            guard config.pointee.Retention == retention, config.pointee.Storage == js_FileStorage else {
                throw TransportError(
                    .misconfigured,
                    "There is a stream \(name) of another kind; set another 'prefix' or remove it"
                )
            }
            if config.pointee.MaxBytes == size(kind), config.pointee.Replicas == address.replicas,
                config.pointee.Duplicates == address.windowSeconds * Self.second
            {
                return found.pointee.Created
            }
        }
        var made: UnsafeMutablePointer<jsStreamInfo>?
        code = jsErrCode(rawValue: 0)
        status = withCStrings([name] + subjects) { pointers in
            var subjects = Array(pointers.dropFirst())
            return subjects.withUnsafeMutableBufferPointer { subjects in
                var config = jsStreamConfig()
                jsStreamConfig_Init(&config)
                config.Name = pointers[0]
                config.Subjects = subjects.baseAddress
                config.SubjectsLen = CInt(subjects.count)
                config.Retention = kind == .partition ? js_WorkQueuePolicy : js_LimitsPolicy
                config.Storage = js_FileStorage
                config.Discard = kind == .notes ? js_DiscardOld : js_DiscardNew
                if kind == .notes { config.MaxMsgsPerSubject = 1 }
                config.MaxBytes = size(kind)
                config.MaxMsgSize = 1 << 20
                config.Replicas = address.replicas
                config.Duplicates = address.windowSeconds * Self.second
                // Longer than any log is kept: what a loader that died left behind.
                if kind == .parts { config.MaxAge = 14 * 86_400 * Self.second }
                return isMissing
                    ? js_AddStream(&made, context, &config, nil, &code)
                    : js_UpdateStream(&made, context, &config, nil, &code)
            }
        }
        guard status == NATS_OK, let made else { throw TransportError(status, code, doing: deed) }
        defer { jsStreamInfo_Destroy(made) }
        return made.pointee.Created
    }

    private func size(_ kind: Kind) -> Int64 {
        switch kind {
        case .partition: max(1 << 20, address.sizeBytes / Int64(address.partitions))
        // Both together are a sixteenth, so that brokers with room for that have room for the notes.
        case .parts: max(1 << 20, address.sizeBytes / 16 - size(.notes))
        // A note is a few hundred bytes, and there is one for each partition.
        case .notes: (1 << 20) + (Int64(address.partitions) << 12)
        }
    }

    private func makeConsumer(of stream: String, _ context: OpaquePointer) throws(TransportError) {
        var code = jsErrCode(rawValue: 0)
        var found: UnsafeMutablePointer<jsConsumerInfo>?
        let wait = address.holdSeconds * Self.second
        var status = js_GetConsumerInfo(&found, context, stream, Self.consumer, nil, &code)
        if status == NATS_OK, let found {
            defer { jsConsumerInfo_Destroy(found) }
            if found.pointee.Config?.pointee.AckWait == wait { return }
        } else if status != NATS_NOT_FOUND {
            throw TransportError(status, code, doing: "Looking for the consumer of stream \(stream)")
        }
        code = jsErrCode(rawValue: 0)
        var made: UnsafeMutablePointer<jsConsumerInfo>?
        status = Self.consumer.withCString { name in
            var config = jsConsumerConfig()
            jsConsumerConfig_Init(&config)
            config.Durable = name
            config.DeliverPolicy = js_DeliverAll
            config.AckPolicy = js_AckExplicit
            config.AckWait = wait
            config.MaxAckPending = 1_024
            config.MaxDeliver = -1
            return js_AddConsumer(&made, context, stream, &config, nil, &code)
        }
        jsConsumerInfo_Destroy(made)
        guard status == NATS_OK else { throw TransportError(status, code, doing: "Making the consumer of \(stream)") }
    }
}
