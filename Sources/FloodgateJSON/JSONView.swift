// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// One value on a tape, read in place; it must not outlive the tape.
@_spi(Tape) public struct JSONView: BitwiseCopyable {
    @usableFromInline let record: UnsafePointer<JSONTape.Record>

    @inlinable
    @inline(__always)
    init(record: UnsafePointer<JSONTape.Record>) { self.record = record }

    /// What kind of value it is.
    @inlinable
    @inline(__always)
    public var kind: JSONTape.Kind { record.pointee.kind }

    /// Whether this is `null`.
    @inlinable
    @inline(__always)
    public var isNull: Bool { kind == .null }

    /// The value of a boolean.
    @inlinable public var flag: Bool? {
        switch kind {
        case .true: true
        case .false: false
        default: nil
        }
    }

    /// The UTF-8 of a text, unescaped.
    @inlinable
    @inline(__always)
    public var bytes: UnsafeBufferPointer<UInt8>? { kind == .string ? record.pointee.text : nil }

    /// The text of a string.
    public var text: String? { bytes.map { String(decoding: $0, as: UTF8.self) } }

    /// A number.
    @inlinable public var number: JSONNumber? {
        let payload = record.pointee.payload
        return switch kind {
        case .integer: .integer(Int64(bitPattern: payload))
        case .unsigned: .unsigned(payload)
        case .double: .double(Double(bitPattern: payload))
        default: nil
        }
    }

    /// Whether this is a text of just these bytes.
    @inlinable
    @inline(__always)
    public func isText(_ other: StaticString) -> Bool {
        guard kind == .string, Int(record.pointee.extent) == other.utf8CodeUnitCount else { return false }
        guard let start = record.pointee.text.baseAddress else { return false }
        return ByteRun.areEqual(start, other.utf8Start, count: other.utf8CodeUnitCount)
    }

    /// The items of an array; none of anything else.
    @inlinable
    @inline(__always)
    public var items: Items { Items(of: self) }

    /// The members of an object in their order, a name possibly more than once; none of anything else.
    @inlinable
    @inline(__always)
    public var members: Members { Members(of: self) }

    /// The value of an object's member: of equal names, the last.
    @inlinable public subscript(name: StaticString) -> JSONView? {
        var found: JSONView?
        for member in members where member.name.isText(name) { found = member.value }
        return found
    }

    /// Where the value stands in the source, which only arrays and objects know: its first byte and its length.
    @inlinable public var extent: (start: Int, length: Int)? {
        guard kind == .array || kind == .object else { return nil }
        let payload = record.pointee.payload
        return (Int(payload & 0xFFFF_FFFF), Int(payload >> 32))
    }

    /// The 16 bytes of the record, which for numbers are the value: equal ones have equal bytes.
    @inlinable public var recordBytes: UnsafeBufferPointer<UInt8> {
        let raw = UnsafeRawPointer(record).assumingMemoryBound(to: UInt8.self)
        return UnsafeBufferPointer(start: raw, count: MemoryLayout<JSONTape.Record>.size)
    }

    /// How many items or members there are, with those of equal names; at most a few million are counted.
    @inlinable public var countHint: Int { Int(record.pointee.tag >> 8) }

    /// The record after this value.
    @inlinable
    @inline(__always)
    var end: UnsafePointer<JSONTape.Record> {
        kind == .array || kind == .object ? record + Int(record.pointee.extent) : record + 1
    }

    /// The items of an array, one after the other.
    public struct Items: Sequence, IteratorProtocol {
        @usableFromInline var place: UnsafePointer<JSONTape.Record>
        @usableFromInline let end: UnsafePointer<JSONTape.Record>

        @inlinable
        @inline(__always)
        init(of view: JSONView) {
            place = view.record + 1
            end = view.kind == .array ? view.end : place
        }

        /// The next item.
        @inlinable
        @inline(__always)
        public mutating func next() -> JSONView? {
            guard place < end else { return nil }
            let view = JSONView(record: place)
            place = view.end
            return view
        }
    }

    /// The members of an object, one after the other.
    public struct Members: Sequence, IteratorProtocol {
        @usableFromInline var place: UnsafePointer<JSONTape.Record>
        @usableFromInline let end: UnsafePointer<JSONTape.Record>

        @inlinable
        @inline(__always)
        init(of view: JSONView) {
            place = view.record + 1
            end = view.kind == .object ? view.end : place
        }

        /// The next member.
        @inlinable
        @inline(__always)
        public mutating func next() -> (name: JSONView, value: JSONView)? {
            guard place < end else { return nil }
            let (name, value) = (JSONView(record: place), JSONView(record: place + 1))
            place = value.end
            return (name, value)
        }
    }
}
