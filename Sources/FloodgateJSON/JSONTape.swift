// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// A JSON text taken apart in one pass: one record of 16 bytes for each value and each member's name, in their order.
///
/// Reading one allocates nothing for a value: texts stay where they stand in the source, and are unescaped aside only
/// where they hold an escape. All JSON goes through here; `JSONValue` is made from it.
@_spi(Tape) public struct JSONTape: ~Copyable {
    /// What stands at one place of the tape.
    public enum Kind: UInt8, Sendable {
        case null, `false`, `true`, integer, unsigned, double, string, array, object

        /// Written out because the one for all raw values is called through a table.
        @inlinable
        @inline(__always)
        public static func == (left: Kind, right: Kind) -> Bool {
            unsafeBitCast(left, to: UInt8.self) == unsafeBitCast(right, to: UInt8.self)
        }
    }

    @usableFromInline
    struct Record: BitwiseCopyable {
        /// The length of a text in bytes; how many records an array or object takes, its own included; else 0.
        @usableFromInline var extent: UInt32
        /// The kind; above it, how many items or members were counted (a hint that stops at 24 bits).
        @usableFromInline var tag: UInt32
        /// The bits of a number; a text's address; where an array or object stands in the source, and its length there.
        @usableFromInline var payload: UInt64

        init(_ kind: Kind, extent: Int = 0, payload: UInt64 = 0) {
            self.extent = UInt32(truncatingIfNeeded: extent)
            tag = UInt32(unsafeBitCast(kind, to: UInt8.self))
            self.payload = payload
        }

        @inlinable
        @inline(__always)
        var kind: Kind {
            // Written by `init` alone, so that it is one of the cases; looking it up again would cost more than all else.
            unsafeBitCast(UInt8(truncatingIfNeeded: tag), to: Kind.self)
        }

        /// The bytes of a text.
        @inlinable
        @inline(__always)
        var text: UnsafeBufferPointer<UInt8> {
            UnsafeBufferPointer(start: UnsafePointer(bitPattern: UInt(payload)), count: Int(extent))
        }
    }

    /// The text that was read; it must outlive the tape.
    public let source: UnsafeBufferPointer<UInt8>
    private let records: UnsafeMutablePointer<Record>
    private let unescaped: UnsafeMutablePointer<UInt8>?

    /// Reads one JSON text (RFC 8259), strictly: UTF-8 only, no comments, no trailing commas, no lone surrogates unless
    /// `limits` replaces them.
    /// - Throws: `JSONError` at the first byte that is not allowed.
    public init(
        parsing source: UnsafeBufferPointer<UInt8>,
        limits: JSONLimits = JSONLimits()
    ) throws(JSONError) {
        let sizeLimit = min(limits.sizeBytes, JSONLimits.largestSizeBytes)
        guard source.count <= sizeLimit else {
            throw JSONError(
                code: .tooLarge,
                offset: sizeLimit,
                message: "The text has \(source.count) bytes; at most \(sizeLimit) are read"
            )
        }
        guard let start = source.baseAddress else {
            let nothing: UInt8 = 0
            throw withUnsafePointer(to: nothing) { JSONParser($0, count: 0, limits).unexpected("a value") }
        }
        var parser = JSONParser(start, count: source.count, limits)
        do throws(JSONError) { try parser.parse() } catch {
            parser.records.deallocate()
            parser.unescaped?.deallocate()
            throw error
        }
        self.source = source
        records = parser.records
        unescaped = parser.unescaped
    }

    deinit {
        records.deallocate()
        unescaped?.deallocate()
    }

    /// The value that the text consists of; it must not be used once the tape is gone.
    public var root: JSONView { JSONView(record: UnsafePointer(records)) }

    /// Reads `bytes` and shows `body` the tape, which is gone when it returns.
    /// - Throws: what `body` throws, and `JSONError` turned by `map` at the first byte that is not allowed.
    public static func reading<Result, Failure: Error>(
        _ bytes: [UInt8],
        limits: JSONLimits = JSONLimits(),
        orThrow map: (JSONError) -> Failure,
        _ body: (borrowing JSONTape) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        let outcome = bytes.withUnsafeBufferPointer { source in
            Swift.Result<Result, Failure> { () throws(Failure) in
                let tape: JSONTape
                do throws(JSONError) { tape = try JSONTape(parsing: source, limits: limits) } catch { throw map(error) }
                return try body(tape)
            }
        }
        return try outcome.get()
    }
}

extension JSONLimits {
    /// What no limit is above: places in a text are kept in 32 bits.
    static let largestSizeBytes = Int(UInt32.max)
}
