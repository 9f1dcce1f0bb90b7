// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateNATS
internal import FloodgateIngest

extension NATSStreams {
    /// What the loaders of a partition wrote down last.
    func readNote(of partition: Int, _ context: OpaquePointer) throws(TransportError) -> TransportNote {
        var message: OpaquePointer?
        var code = jsErrCode(rawValue: 0)
        let status = js_GetLastMsg(&message, context, notes, note(of: partition), nil, &code)
        defer { natsMsg_Destroy(message) }
        // Not so if the stream is gone.
        if status == NATS_NOT_FOUND, code != JSStreamNotFoundErr { return TransportNote() }
        guard status == NATS_OK, let message else { throw TransportError(status, code, doing: "Reading a note") }
        return TransportNote(
            text: String(decoding: NATSMessage.payload(of: message), as: UTF8.self),
            version: natsMsg_GetSequence(message)
        )
    }

    /// Writes a note in the place of what has `version`.
    func writeNote(
        _ text: String,
        of partition: Int,
        replacing version: UInt64,
        _ context: OpaquePointer
    ) throws(TransportError) -> UInt64 {
        let deed = "Writing a note"
        var message: OpaquePointer?
        var status = natsMsg_Create(&message, note(of: partition), nil, text, CInt(clamping: text.utf8.count))
        defer { natsMsg_Destroy(message) }
        // The library's own option has no word for "nothing yet".
        if status == NATS_OK {
            status = natsMsgHeader_Set(message, "Nats-Expected-Last-Subject-Sequence", String(version))
        }
        guard status == NATS_OK, let message else { throw TransportError(status, doing: deed) }
        var code = jsErrCode(rawValue: 0)
        var made: UnsafeMutablePointer<jsPubAck>?
        status = js_PublishMsg(&made, context, message, nil, &code)
        guard status == NATS_OK, let made else { throw TransportError(status, code, doing: deed) }
        defer { jsPubAck_Destroy(made) }
        return made.pointee.Sequence
    }
}
