// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

extension JSONValue {
    /// Reads one JSON text (RFC 8259), strictly: UTF-8 only, no comments, no trailing commas, no lone surrogates.
    /// - Throws: `JSONError` at the first byte that is not allowed.
    public init(parsing bytes: [UInt8], limits: JSONLimits = JSONLimits()) throws(JSONError) {
        let result = bytes.withUnsafeBufferPointer { buffer in
            Result { () throws(JSONError) in try JSONValue(parsing: buffer, limits: limits) }
        }
        self = try result.get()
    }

    /// Reads one JSON text strictly.
    /// - Throws: `JSONError` at the first byte that is not allowed.
    public init(parsing text: String, limits: JSONLimits = JSONLimits()) throws(JSONError) {
        var text = text
        let result = text.withUTF8 { buffer in
            Result { () throws(JSONError) in try JSONValue(parsing: buffer, limits: limits) }
        }
        self = try result.get()
    }

    /// Reads one JSON text from memory that outlives the call, strictly.
    /// - Throws: `JSONError` at the first byte that is not allowed.
    public init(
        parsing buffer: UnsafeBufferPointer<UInt8>,
        limits: JSONLimits = JSONLimits()
    ) throws(JSONError) {
        self = try JSONTape(parsing: buffer, limits: limits).root.value
    }
}

extension JSONView {
    /// The value, copied out of the tape.
    package var value: JSONValue {
        let record = record.pointee
        switch record.kind {
        case .null: return .null
        case .false: return .bool(false)
        case .true: return .bool(true)
        case .integer: return .number(.integer(Int64(bitPattern: record.payload)))
        case .unsigned: return .number(.unsigned(record.payload))
        case .double: return .number(.double(Double(bitPattern: record.payload)))
        case .string: return .string(String(decoding: record.text, as: UTF8.self))
        case .array:
            var items: [JSONValue] = []
            items.reserveCapacity(countHint)
            for item in self.items { items.append(item.value) }
            return .array(items)
        case .object: return .object(object)
        }
    }

    /// The members of an object, copied out of the tape; none of anything else.
    package var object: JSONObject {
        var object = JSONObject()
        object.reserve(countHint)
        for member in members { object.take(member) }
        return object
    }

    /// The value of anything but an object, and of an object its members.
    package var objectValue: JSONObject? { kind == .object ? object : nil }
}
