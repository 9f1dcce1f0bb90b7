// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// The parts of a target that most comparisons need, in one cache line and without references to count.
struct QuickTarget: BitwiseCopyable, Sendable {
    /// The target as a number; nil if it is none.
    let number: Double?
    /// What `any` and `none` look up; kept alive by the ruleset's targets.
    let keys: Unmanaged<ByteTable>?
    /// What the case-sensitive operators look up; kept alive likewise.
    let exactKeys: Unmanaged<ByteTable>?
    /// The target as a version, if it is an ordinary one.
    let version: QuickVersion?

    init(_ target: Target) {
        number = target.number
        keys = target.keys.map { .passUnretained($0) }
        exactKeys = target.exactKeys.map { .passUnretained($0) }
        version = target.version.flatMap { QuickVersion($0) }
    }
}

/// A version of up to four parts that fit 31 bits each, as nearly all are.
struct QuickVersion: BitwiseCopyable, Sendable {
    private let parts: SIMD4<UInt32>
    private let count: Int32

    init?(_ version: Version.Compiled) {
        guard let numbers = version.smallParts else { return nil }
        var parts = SIMD4<UInt32>()
        for (index, number) in numbers.enumerated() { parts[index] = number }
        self.parts = parts
        count = Int32(numbers.count)
    }

    /// Negative, 0 or positive as `left` is older than, the same as or newer than this; nil if that is no ordinary
    /// version, which `Version.compare` has to look at.
    @inline(__always)
    func compare(_ left: UnsafeBufferPointer<UInt8>) -> Int? {
        var position = 0
        var order = 0
        var index: Int32 = 0
        // Each turn reads one part; the walk goes on to the end even after a difference, so that what is not ordinary
        // is left to the careful way as a whole.
        while true {
            var value: UInt32 = 0
            let start = position
            while position < left.count {
                let digit = left[position] &- 0x30
                guard digit < 10 else { break }
                value = value &* 10 &+ UInt32(digit)
                position &+= 1
            }
            guard position > start, position &- start <= 9 else { return nil }
            if order == 0 {
                let other = index < count ? parts[Int(index & 3)] : 0
                order = value < other ? -1 : value > other ? 1 : 0
            }
            index &+= 1
            if position == left.count { break }
            guard left[position] == UInt8(ascii: ".") else { return nil }
            position &+= 1
        }
        while order == 0, index < count {
            if parts[Int(index & 3)] > 0 { order = -1 }
            index &+= 1
        }
        return order
    }
}
