// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateNATS
internal import FloodgateIngest

/// The names of what a message says beside its payload.
enum NATSHeader {
    /// `TransportEnvelope.header`.
    static let batch = "Floodgate-Batch"
    /// How many messages the payload is divided into; absent for one.
    static let parts = "Floodgate-Parts"
    /// JetStream's own: `TransportEnvelope.id`.
    static let id = "Nats-Msg-Id"
}

/// A message as it came, copied out of the library's memory.
struct NATSMessage: Sendable {
    var header: String?
    var id: String?
    var parts: Int
    var payload: [UInt8]
    var sequence: UInt64
    var storedAt: Int64
    var deliveryCount = 0
    var token = ""

    /// Copies `message` and frees it; nil if it was not delivered by JetStream.
    init?(_ message: OpaquePointer) {
        defer { natsMsg_Destroy(message) }
        guard let reply = natsMsg_GetReply(message) else { return nil }
        let token = String(cString: reply)
        guard let place = Self.place(token) else { return nil }
        self.init(message, sequence: place.sequence, nanoseconds: place.time)
        self.token = token
        deliveryCount = place.deliveryCount
    }

    /// What the subject of an acknowledgement says:
    /// `$JS.ACK.<stream>.<consumer>.<deliveries>.<sequence>.<number>.<time>.<pending>`, or the same with a domain and an
    /// account in front of the stream and something random behind.
    private static func place(_ token: String) -> (sequence: UInt64, deliveryCount: Int, time: Int64)? {
        let words = token.split(separator: ".", omittingEmptySubsequences: false)
        guard words.starts(with: ["$JS", "ACK"]), words.count == 9 || words.count >= 11 else { return nil }
        let first = words.count == 9 ? 4 : 6
        guard let deliveryCount = Int(words[first]), let sequence = UInt64(words[first + 1]),
            let time = Int64(words[first + 3])
        else { return nil }
        return (sequence, deliveryCount, time)
    }

    /// Copies `message`, which was read from a stream.
    init(stored message: OpaquePointer, sequence: UInt64) {
        self.init(message, sequence: sequence, nanoseconds: natsMsg_GetTime(message))
    }

    private init(_ message: OpaquePointer, sequence: UInt64, nanoseconds: Int64) {
        self.sequence = sequence
        storedAt = Self.milliseconds(nanoseconds)
        header = Self.header(NATSHeader.batch, of: message)
        id = Self.header(NATSHeader.id, of: message)
        parts = Self.header(NATSHeader.parts, of: message).map { Int($0) ?? 0 } ?? 1
        payload = Self.payload(of: message)
    }

    /// Milliseconds, rounded down, as everywhere, so that they compare.
    static func milliseconds(_ nanoseconds: Int64) -> Int64 { nanoseconds / 1_000_000 }

    static func payload(of message: OpaquePointer) -> [UInt8] {
        guard let data = natsMsg_GetData(message) else { return [] }
        return Array(UnsafeRawBufferPointer(start: data, count: max(0, Int(natsMsg_GetDataLength(message)))))
    }

    /// The header of that name; nil if there is none.
    static func header(_ name: String, of message: OpaquePointer) -> String? {
        var value: UnsafePointer<CChar>?
        guard natsMsgHeader_Get(message, name, &value) == NATS_OK, let value else { return nil }
        return String(cString: value)
    }
}
