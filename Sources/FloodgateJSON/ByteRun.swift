// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Texts as runs of bytes: comparing and hashing them eight bytes at a time.
@_spi(Tape) public enum ByteRun {
    /// Whether both runs have the same `count` bytes.
    @inlinable
    @inline(__always)
    public static func areEqual(_ left: UnsafePointer<UInt8>, _ right: UnsafePointer<UInt8>, count: Int) -> Bool {
        areEqual(left, right, count: count) { $0 }
    }

    /// Whether `left` has the bytes of `right` as they are after `fold`, which sees eight of them at a time.
    @inlinable
    @inline(__always)
    public static func areEqual(
        _ left: UnsafePointer<UInt8>,
        _ right: UnsafePointer<UInt8>,
        count: Int,
        _ fold: (UInt64) -> UInt64
    ) -> Bool {
        let (left, right) = (UnsafeRawPointer(left), UnsafeRawPointer(right))
        if count >= 8 {
            var place = 0
            while place &+ 8 < count {
                if word(left, place) != fold(word(right, place)) { return false }
                place &+= 8
            }
            // The last word overlaps the one before.
            return word(left, count &- 8) == fold(word(right, count &- 8))
        }
        return shortWord(left, count) == fold(shortWord(right, count))
    }

    /// A hash of the bytes; whoever does not know the seed cannot make texts collide on purpose.
    @inlinable
    @inline(__always)
    public static func hash(_ bytes: UnsafeBufferPointer<UInt8>, seed: UInt64) -> UInt64 {
        hash(bytes, seed: seed) { $0 }
    }

    /// A hash of the bytes as they are after `fold`, which sees eight of them at a time.
    @inlinable
    @inline(__always)
    public static func hash(
        _ bytes: UnsafeBufferPointer<UInt8>,
        seed: UInt64,
        _ fold: (UInt64) -> UInt64
    ) -> UInt64 {
        let count = bytes.count
        var state = seed ^ UInt64(truncatingIfNeeded: count) &* 0x9E37_79B9_7F4A_7C15
        // No bytes are no bytes, whether they have a place or not.
        guard let start = bytes.baseAddress else { return mixed(state, fold(0)) }
        let raw = UnsafeRawPointer(start)
        if count >= 8 {
            var place = 0
            while place &+ 8 < count {
                state = mixed(state, fold(word(raw, place)))
                place &+= 8
            }
            return mixed(state, fold(word(raw, count &- 8)))
        }
        return mixed(state, fold(shortWord(raw, count)))
    }

    @inlinable
    @inline(__always)
    static func mixed(_ state: UInt64, _ word: UInt64) -> UInt64 {
        let product = (state ^ word ^ 0xA076_1D64_78BD_642F).multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
        return product.high ^ product.low
    }

    @inlinable
    @inline(__always)
    static func word(_ start: UnsafeRawPointer, _ place: Int) -> UInt64 {
        UInt64(littleEndian: start.loadUnaligned(fromByteOffset: place, as: UInt64.self))
    }

    /// Fewer than eight bytes as one number, which together with their count says what they are.
    @inlinable
    @inline(__always)
    static func shortWord(_ start: UnsafeRawPointer, _ count: Int) -> UInt64 {
        if count >= 4 {
            let first = start.loadUnaligned(as: UInt32.self)
            let last = start.loadUnaligned(fromByteOffset: count &- 4, as: UInt32.self)
            return UInt64(UInt32(littleEndian: first)) | UInt64(UInt32(littleEndian: last)) &<< 32
        }
        if count == 0 { return 0 }
        let bytes = start.assumingMemoryBound(to: UInt8.self)
        return UInt64(bytes[0]) | UInt64(bytes[count &>> 1]) &<< 8 | UInt64(bytes[count &- 1]) &<< 16
    }
}
