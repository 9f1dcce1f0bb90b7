// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore

/// Takes a chunked body apart, strictly by RFC 9112 §7.1, as its bytes come in.
struct ChunkedBody {
    private enum State {
        /// Before, within and behind the digits of a size.
        case size(digits: Int, value: Int)
        case chunkExtension(value: Int, count: Int)
        case sizeLineFeed(value: Int)
        case data(left: Int)
        case dataCarriageReturn
        case dataLineFeed
        /// At the beginning of a trailer line, `count` bytes into the section.
        case trailerStart(count: Int)
        case trailerName(count: Int)
        case trailer(count: Int)
        case trailerLineFeed(count: Int)
        case endLineFeed
        case complete
    }

    private var state = State.size(digits: 0, value: 0)
    private let limits: HTTPLimits

    init(limits: HTTPLimits) { self.limits = limits }

    /// Whether the body and its trailers have come to their end.
    var isComplete: Bool { if case .complete = state { true } else { false } }

    /// Reads what it can of `input`, and appends the content to `output`, which may become as large as `limit`.
    ///
    /// Bytes of the next request are left in `input`; trailers are read and forgotten.
    mutating func read(
        _ input: inout ByteBuffer,
        into output: inout ByteBuffer,
        limit: Int
    ) throws(Refusal) {
        while !isComplete {
            if case .data(let left) = state {
                let count = min(left, input.readableBytes)
                guard count > 0 else { return }
                guard output.readableBytes + count <= limit else { throw .bodyTooLarge }
                if var part = input.readSlice(length: count) { output.writeBuffer(&part) }
                state = count == left ? .dataCarriageReturn : .data(left: left - count)
            } else {
                guard let byte = input.readInteger(as: UInt8.self) else { return }
                state = try next(byte, room: limit - output.readableBytes)
            }
        }
    }

    private func next(_ byte: UInt8, room: Int) throws(Refusal) -> State {
        switch state {
        case .size(let digits, let value): return try size(byte, digits, value, room: room)
        case .chunkExtension(let value, let count):
            if byte == 0x0D { return .sizeLineFeed(value: value) }
            guard count < limits.chunkExtension else { throw .malformed("A chunk's extension is too long") }
            guard byte >= 0x20 && byte != 0x7F || byte == 0x09 else {
                throw .malformed("A chunk's extension has a control character")
            }
            return .chunkExtension(value: value, count: count + 1)
        case .sizeLineFeed(let value):
            guard byte == 0x0A else { throw .malformed("A chunk's size has no end") }
            return value == 0 ? .trailerStart(count: 0) : .data(left: value)
        case .data, .complete: return state
        case .dataCarriageReturn:
            guard byte == 0x0D else { throw .malformed("A chunk is longer than its size") }
            return .dataLineFeed
        case .dataLineFeed:
            guard byte == 0x0A else { throw .malformed("A chunk is longer than its size") }
            return .size(digits: 0, value: 0)
        case .trailerStart(let count):
            if byte == 0x0D { return .endLineFeed }
            guard Bytes.isToken(byte) else { throw .malformed("A trailer has no name") }
            return try trailer(count, isName: true)
        case .trailerName(let count):
            if byte == 0x3A { return try trailer(count) }
            guard Bytes.isToken(byte) else { throw .malformed("A trailer's name has a character that no name has") }
            return try trailer(count, isName: true)
        case .trailer(let count):
            if byte == 0x0D { return .trailerLineFeed(count: count + 1) }
            guard byte >= 0x20 && byte != 0x7F || byte == 0x09 else {
                throw .malformed("A trailer has a control character")
            }
            return try trailer(count)
        case .trailerLineFeed(let count):
            guard byte == 0x0A else { throw .malformed("A trailer has no end") }
            return .trailerStart(count: count + 1)
        case .endLineFeed:
            guard byte == 0x0A else { throw .malformed("The chunked body has no end") }
            return .complete
        }
    }

    private func size(_ byte: UInt8, _ digits: Int, _ value: Int, room: Int) throws(Refusal) -> State {
        if let digit = Bytes.hexadecimal(byte) {
            guard digits < 16, value < 1 << 56 else { throw .malformed("A chunk's size has too many digits") }
            return .size(digits: digits + 1, value: value << 4 | Int(digit))
        }
        guard digits > 0 else { throw .malformed("A chunk has no size") }
        guard value <= max(0, room) else { throw .bodyTooLarge }
        switch byte {
        case 0x0D: return .sizeLineFeed(value: value)
        case 0x3B: return .chunkExtension(value: value, count: 0)
        default: throw .malformed("A chunk's size is not a hexadecimal number")
        }
    }

    private func trailer(_ count: Int, isName: Bool = false) throws(Refusal) -> State {
        guard count < limits.trailers else { throw .malformed("The trailers are too long") }
        return isName ? .trailerName(count: count + 1) : .trailer(count: count + 1)
    }
}
