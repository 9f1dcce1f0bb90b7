// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

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
    init(_ entries: [(text: String, value: Int32)]) {
        var capacity = 4
        while capacity * 3 < entries.count * 4 + 4 { capacity *= 2 }
        var slots = [Slot](repeating: Slot(hash: 0, offset: 0, length: 0, value: -1), count: capacity)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(entries.reduce(0) { $0 + $1.text.utf8.count })
        let mask = capacity - 1
        for entry in entries {
            let start = bytes.count
            bytes.append(contentsOf: entry.text.utf8)
            let length = bytes.count - start
            let isPlaced = bytes.withUnsafeBufferPointer { all -> Bool in
                let text = UnsafeBufferPointer(rebasing: all[start...])
                let hash = Self.hash(text)
                var index = Int(hash) & mask
                while slots[index].value >= 0 {
                    let slot = slots[index]
                    if slot.hash == hash, Int(slot.length) == length,
                        text.elementsEqual(all[Int(slot.offset)..<Int(slot.offset) + length])
                    {
                        slots[index].value = entry.value
                        return false
                    }
                    index = (index + 1) & mask
                }
                slots[index] = Slot(hash: hash, offset: Int32(start), length: Int32(length), value: entry.value)
                return true
            }
            if !isPlaced { bytes.removeLast(length) }
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
        var hash = Hash(length: text.count)
        var all: UInt8 = 0
        for byte in text {
            hash.mix(Self.lower(byte))
            all |= byte
        }
        return all < 0x80 ? find(text, hash: hash.value, Self.lower) : Self.notASCII
    }

    /// The number of `text`, or -1.
    func find(_ text: String) -> Int32 { UnsafeBufferPointer.reading(text) { find($0) } }

    @inline(__always)
    private func find(
        _ text: UnsafeBufferPointer<UInt8>,
        hash: UInt32,
        _ fold: (UInt8) -> UInt8
    ) -> Int32 {
        let (bytes, slots) = (bytes.buffer, slots.buffer)
        var index = Int(hash) & mask
        while true {
            let slot = slots[index]
            if slot.value < 0 { return -1 }
            if slot.hash == hash, Int(slot.length) == text.count {
                var position = 0
                let start = Int(slot.offset)
                while position < text.count, bytes[start &+ position] == fold(text[position]) { position &+= 1 }
                if position == text.count { return slot.value }
            }
            index = (index &+ 1) & mask
        }
    }

    @inline(__always)
    private static func lower(_ byte: UInt8) -> UInt8 { byte &- 0x41 < 26 ? byte | 0x20 : byte }

    @inline(__always)
    private static func hash(_ text: UnsafeBufferPointer<UInt8>) -> UInt32 {
        var hash = Hash(length: text.count)
        for byte in text { hash.mix(byte) }
        return hash.value
    }

    /// Folds eight bytes at a time by one wide multiplication.
    private struct Hash {
        private var state: UInt64
        private var word: UInt64 = 0
        private var filled: UInt64 = 0

        @inline(__always)
        init(length: Int) { state = UInt64(truncatingIfNeeded: length) &* 0x9E37_79B9_7F4A_7C15 }

        @inline(__always)
        mutating func mix(_ byte: UInt8) {
            word |= UInt64(byte) &<< (filled &* 8)
            filled &+= 1
            if filled == 8 { fold() }
        }

        @inline(__always)
        private mutating func fold() {
            let product = (state ^ word ^ 0xA076_1D64_78BD_642F).multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
            state = product.high ^ product.low
            word = 0
            filled = 0
        }

        @inline(__always)
        var value: UInt32 {
            var copy = self
            copy.fold()
            return UInt32(truncatingIfNeeded: copy.state ^ copy.state &>> 32)
        }
    }
}
