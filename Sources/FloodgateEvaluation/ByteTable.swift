// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

@_spi(Tape) import FloodgateJSON

/// A read-only map from texts to numbers: open addressing over the texts' UTF-8, which lies in one run of bytes.
///
/// A look-up neither allocates nor touches a reference count; half the cost of the standard library's dictionary.
final class ByteTable: Sendable {
    private struct Slot: BitwiseCopyable, Sendable {
        var hash: UInt32
        var offset: Int32
        var length: Int32
        var value: Int32  // -1: the slot is free
    }

    private let slots: Pool<Slot>
    private let bytes: Pool<UInt8>
    private let mask: Int

    /// Makes a table of `entries`; of equal texts the last value wins.
    convenience init(_ entries: [(text: String, value: Int32)]) {
        let size = entries.reduce(0) { $0 + $1.text.utf8.count }
        self.init(count: entries.count, sizeBytes: size) { add in
            for entry in entries { UnsafeBufferPointer.reading(entry.text) { add($0, entry.value) } }
        }
    }

    /// Makes a table of `entries`; of equal texts the last value wins.
    convenience init(_ entries: [(text: UnsafeBufferPointer<UInt8>, value: Int32)]) {
        let size = entries.reduce(0) { $0 + $1.text.count }
        self.init(count: entries.count, sizeBytes: size) { add in
            for entry in entries { add(entry.text, entry.value) }
        }
    }

    private init(
        count: Int,
        sizeBytes: Int,
        _ fill: (_ add: (UnsafeBufferPointer<UInt8>, Int32) -> Void) -> Void
    ) {
        var capacity = 4
        while capacity * 3 < count * 4 + 4 { capacity *= 2 }
        var slots = [Slot](repeating: Slot(hash: 0, offset: 0, length: 0, value: -1), count: capacity)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(sizeBytes)
        let mask = capacity - 1
        fill { text, value in
            let hash = Self.hash(text)
            var index = Int(hash) & mask
            while slots[index].value >= 0 {
                let slot = slots[index]
                if slot.hash == hash, Int(slot.length) == text.count,
                    text.elementsEqual(bytes[Int(slot.offset)..<Int(slot.offset) + text.count])
                {
                    slots[index].value = value
                    return
                }
                index = (index + 1) & mask
            }
            let (offset, length) = (Int32(bytes.count), Int32(text.count))
            slots[index] = Slot(hash: hash, offset: offset, length: length, value: value)
            bytes.append(contentsOf: text)
        }
        self.slots = Pool(slots)
        self.bytes = Pool(bytes)
        self.mask = mask
    }

    /// The number of `text`, or -1.
    @inline(__always)
    func find(_ text: UnsafeBufferPointer<UInt8>) -> Int32 { find(text, hash: Self.hash(text)) { $0 } }

    /// What `find(lowercasing:)` answers for a text that is not ASCII, whose case only Unicode's tables know.
    static let notASCII: Int32 = -2

    /// The number of `text` with its capitals made small, -1, or `notASCII`.
    @inline(__always)
    func find(lowercasing text: UnsafeBufferPointer<UInt8>) -> Int32 {
        var all: UInt64 = 0
        let hash = ByteRun.hash(text, seed: 0) { word in
            all |= word
            return Self.lower(word)
        }
        guard all & 0x8080_8080_8080_8080 == 0 else { return Self.notASCII }
        return find(text, hash: UInt32(truncatingIfNeeded: hash), Self.lower)
    }

    /// The number of `text`, or -1.
    func find(_ text: String) -> Int32 { UnsafeBufferPointer.reading(text) { find($0) } }

    @inline(__always)
    private func find(_ text: UnsafeBufferPointer<UInt8>, hash: UInt32, _ fold: (UInt64) -> UInt64) -> Int32 {
        let (bytes, slots) = (bytes.buffer.baseAddress, slots.buffer)
        var index = Int(hash) & mask
        while true {
            let slot = slots[index]
            if slot.value < 0 { return -1 }
            if slot.hash == hash, Int(slot.length) == text.count {
                guard let bytes, let text = text.baseAddress else { return slot.value }
                if ByteRun.areEqual(bytes + Int(slot.offset), text, count: Int(slot.length), fold) { return slot.value }
            }
            index = (index &+ 1) & mask
        }
    }

    /// Makes the capitals among eight bytes of ASCII small.
    @inline(__always)
    private static func lower(_ word: UInt64) -> UInt64 {
        let ones: UInt64 = 0x0101_0101_0101_0101
        let bytes = word & (ones &* 0x7F)
        let fromA = bytes &+ ones &* (0x80 - 0x41)
        let beyondZ = bytes &+ ones &* (0x80 - 0x5B)
        return word | ((fromA & ~beyondZ) & (ones &* 0x80)) &>> 2
    }

    @inline(__always)
    private static func hash(_ text: UnsafeBufferPointer<UInt8>) -> UInt32 {
        UInt32(truncatingIfNeeded: ByteRun.hash(text, seed: 0))
    }
}
