// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON

/// What travels beside a batch's payload, and the batch's name on the way.
package struct TransportEnvelope: Sendable, Hashable {
    /// The node that accepted the batch.
    package var node: String
    /// The batch, whose `id` is its position there.
    package var batch: LoggedBatch

    /// Puts a batch into an envelope.
    /// - Throws: `.misconfigured` if `node` is not 1 to 64 letters, digits, `-` and `_`, since it becomes a part of names.
    package init(_ batch: LoggedBatch, from node: String) throws(TransportError) {
        guard Self.isNode(node) else {
            throw TransportError(
                .misconfigured,
                "'\(node)' cannot name a node; use 1 to 64 letters, digits, '-' and '_'"
            )
        }
        self.node = node
        self.batch = batch
    }

    /// Whether a node may have that name.
    package static func isNode(_ text: String) -> Bool {
        1...64 ~= text.utf8.count
            && text.utf8.allSatisfy { byte in
                UInt8(ascii: "a")...UInt8(ascii: "z") ~= byte || UInt8(ascii: "A")...UInt8(ascii: "Z") ~= byte
                    || UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte || byte == UInt8(ascii: "-")
                    || byte == UInt8(ascii: "_")
            }
    }

    /// `<node>/<segment>/<row>`, by which the broker knows a batch that is sent again.
    package var id: String { Self.id(of: batch.id, from: node) }

    /// The `id` of the batch at `position` of `node`'s log.
    package static func id(of position: Int64, from node: String) -> String {
        "\(node)/\(position >> 32)/\(position & 0xFFFF_FFFF)"
    }

    /// All but the payload, as one line of JSON.
    package var header: String {
        var about: JSONObject = [
            "node": .string(node), "position": .integer(batch.id), "environment": .string(batch.environment),
            "key_kind": .string(batch.keyKind), "received_at": .integer(batch.receivedAt),
            "events": .integer(batch.eventCount), "exposures": .integer(batch.exposureCount),
            "raw_bytes": .integer(batch.rawSizeBytes),
        ]
        about.set("sent_at", batch.sentAt.map { .integer($0) })
        about.set("idempotency_key", batch.idempotencyKey.map { .string($0) })
        about.set("id_xor", batch.idXor.map { .integer(Int64(bitPattern: $0)) })
        about.set("id_sum", batch.idSum.map { .integer(Int64(bitPattern: $0)) })
        return JSONValue.object(about).text
    }

    /// Opens an envelope.
    /// - Throws: `.failed` if `header` is not what `header` gives.
    package init(header: String, payload: [UInt8]) throws(TransportError) {
        guard let about = try? JSONValue(parsing: header), let node = about["node"]?.stringValue, Self.isNode(node),
            let position = about["position"]?.integerValue, position >= 0,
            let environment = about["environment"]?.stringValue, let keyKind = about["key_kind"]?.stringValue,
            let receivedAt = about["received_at"]?.integerValue,
            let events = about["events"]?.integerValue, 0...Int64(UInt32.max) ~= events,
            let exposures = about["exposures"]?.integerValue, 0...events ~= exposures,
            let rawBytes = about["raw_bytes"]?.integerValue, 0...Int64(UInt32.max) ~= rawBytes
        else { throw TransportError(.failed, "A message does not say which batch it is") }
        self.node = node
        batch = LoggedBatch(
            id: position,
            receivedAt: receivedAt,
            sentAt: about["sent_at"]?.integerValue,
            environment: environment,
            keyKind: keyKind,
            idempotencyKey: about["idempotency_key"]?.stringValue,
            eventCount: Int(events),
            exposureCount: Int(exposures),
            rawSizeBytes: Int(rawBytes),
            idXor: about["id_xor"]?.integerValue.map(UInt64.init(bitPattern:)),
            idSum: about["id_sum"]?.integerValue.map(UInt64.init(bitPattern:)),
            payload: payload
        )
    }
}
