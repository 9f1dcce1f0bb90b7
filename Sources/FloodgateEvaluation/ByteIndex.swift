// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

@_spi(Tape) import FloodgateJSON

/// Numbers for runs of bytes while a document is compiled: equal runs have one number.
///
/// The bytes are not copied.
struct ByteIndex {
    private struct Entry {
        /// An address, or a place from the base on.
        let start: Int
        let count: Int32
        let number: Int32
    }

    /// Open addressing: half of a hash, and the entry's place plus 1.
    private var slots = [UInt64](repeating: 0, count: 16)
    private var entries: [Entry] = []
    private let seed = UInt64(bitPattern: Int64(Hasher().finalize()))

    /// Makes room for `count` runs.
    mutating func reserve(_ count: Int) {
        var size = slots.count
        while size &* 3 < count &* 4 { size &*= 2 }
        if size > slots.count { rebuild(size) }
        entries.reserveCapacity(count)
    }

    /// The number of `bytes`, which must stay where they are relative to `base`; `fresh` from now on if they had none.
    mutating func number(
        of bytes: UnsafeBufferPointer<UInt8>,
        else fresh: Int32,
        from base: Int = 0
    ) -> Int32 {
        let hash = ByteRun.hash(bytes, seed: seed) >> 32
        var slot = Int(truncatingIfNeeded: hash) & (slots.count &- 1)
        while slots[slot] != 0 {
            if slots[slot] >> 32 == hash, let number = entry(slots[slot], matching: bytes, from: base) { return number }
            slot = (slot &+ 1) & (slots.count &- 1)
        }
        let start = bytes.baseAddress.map { Int(bitPattern: $0) &- base } ?? 0
        entries.append(Entry(start: start, count: Int32(truncatingIfNeeded: bytes.count), number: fresh))
        slots[slot] = hash << 32 | UInt64(UInt32(truncatingIfNeeded: entries.count))
        if entries.count &* 4 > slots.count &* 3 { rebuild(slots.count &* 2) }
        return fresh
    }

    /// The number of `bytes`, or -1.
    func find(_ bytes: UnsafeBufferPointer<UInt8>) -> Int32 {
        let hash = ByteRun.hash(bytes, seed: seed) >> 32
        var slot = Int(truncatingIfNeeded: hash) & (slots.count &- 1)
        while slots[slot] != 0 {
            if slots[slot] >> 32 == hash, let number = entry(slots[slot], matching: bytes, from: 0) { return number }
            slot = (slot &+ 1) & (slots.count &- 1)
        }
        return -1
    }

    @inline(__always)
    private func entry(_ slot: UInt64, matching bytes: UnsafeBufferPointer<UInt8>, from base: Int) -> Int32? {
        let entry = entries[Int(slot & 0xFFFF_FFFF) &- 1]
        guard Int(entry.count) == bytes.count else { return nil }
        guard bytes.count > 0, let left = UnsafePointer<UInt8>(bitPattern: entry.start &+ base),
            let right = bytes.baseAddress
        else { return entry.number }
        return ByteRun.areEqual(left, right, count: bytes.count) ? entry.number : nil
    }

    private mutating func rebuild(_ size: Int) {
        var larger = [UInt64](repeating: 0, count: size)
        for old in slots where old != 0 {
            var slot = Int(truncatingIfNeeded: old >> 32) & (size &- 1)
            while larger[slot] != 0 { slot = (slot &+ 1) & (size &- 1) }
            larger[slot] = old
        }
        slots = larger
    }
}

/// Texts in one run of bytes, of which equal ones are kept once.
struct ByteArena {
    private(set) var bytes: [UInt8] = []
    private(set) var extents: [Extent] = []
    private var index = ByteIndex()

    /// The number of the parts as one, each followed by a dot; it counts from 0 in the order in which they were new.
    mutating func number(of first: UnsafeBufferPointer<UInt8>, _ second: UnsafeBufferPointer<UInt8>? = nil) -> Int32 {
        let start = bytes.count
        append(first)
        if let second { append(second) }
        let next = Int32(extents.count)
        let number = bytes.withUnsafeBufferPointer { all in
            index.number(
                of: UnsafeBufferPointer(rebasing: all[start...]),
                else: next,
                from: Int(bitPattern: all.baseAddress)
            )
        }
        if number == next {
            extents.append(Extent(Int32(start)..<Int32(bytes.count)))
        } else {
            bytes.removeSubrange(start...)
        }
        return number
    }

    private mutating func append(_ part: UnsafeBufferPointer<UInt8>) {
        bytes.append(contentsOf: part)
        bytes.append(UInt8(ascii: "."))
    }
}
