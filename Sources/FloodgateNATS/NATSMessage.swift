// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateNATS
internal import FloodgateIngest

/// The names of what a message says beside its payload.
enum NATSHeader {
    /// `TransportEnvelope.header`.
    static let batch = "Floodgate-Batch"
    /// How many messages the payload is divided into; absent for one.
    static let parts = "Floodgate-Parts"
}

/// A message as it came, copied out of the library's memory.
struct NATSMessage: Sendable {
    var header: String?
    var parts: Int
    var payload: [UInt8]
    var sequence: UInt64
    var deliveryCount = 0
    var token = ""

    /// Copies `message`; nil if it was not delivered by JetStream.
    init?(_ message: OpaquePointer) {
        var found: UnsafeMutablePointer<jsMsgMetaData>?
        guard natsMsg_GetMetaData(&found, message) == NATS_OK, let data = found else { return nil }
        defer { jsMsgMetaData_Destroy(data) }
        guard let reply = natsMsg_GetReply(message) else { return nil }
        self.init(stored: message, sequence: data.pointee.Sequence.Stream)
        token = String(cString: reply)
        deliveryCount = Int(clamping: data.pointee.NumDelivered)
    }

    /// Copies `message`, which was read from a stream.
    init(stored message: OpaquePointer, sequence: UInt64) {
        self.sequence = sequence
        header = Self.header(NATSHeader.batch, of: message)
        parts = Self.header(NATSHeader.parts, of: message).map { Int($0) ?? 0 } ?? 1
        payload = Self.payload(of: message)
    }

    static func payload(of message: OpaquePointer) -> [UInt8] {
        guard let data = natsMsg_GetData(message) else { return [] }
        return Array(UnsafeRawBufferPointer(start: data, count: max(0, Int(natsMsg_GetDataLength(message)))))
    }

    private static func header(_ name: String, of message: OpaquePointer) -> String? {
        var value: UnsafePointer<CChar>?
        guard natsMsgHeader_Get(message, name, &value) == NATS_OK, let value else { return nil }
        return String(cString: value)
    }
}
