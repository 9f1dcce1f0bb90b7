// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

extension JSONView {
    /// The members of an object, each name once: at its first place, with its last value.
    ///
    /// None of anything else.
    package var uniqueMembers: [(name: JSONView, value: JSONView)] {
        var unique: [(name: JSONView, value: JSONView)] = []
        let count = members.reduce(0) { count, _ in count + 1 }
        unique.reserveCapacity(count)
        var index = NameIndex(capacity: count)
        for member in members {
            if let earlier = index.place(of: member.name, else: unique.count, in: unique) {
                unique[earlier].value = member.value
            } else {
                unique.append(member)
            }
        }
        return unique
    }
}

/// Where names stand: open addressing, a hash and a place in each slot.
private struct NameIndex {
    private var slots: [UInt64]
    private let mask: Int
    private let seed = UInt64(bitPattern: Int64(Hasher().finalize()))

    init(capacity: Int) {
        var size = 4
        while size * 3 < capacity * 4 + 4 { size *= 2 }
        slots = [UInt64](repeating: 0, count: size)
        mask = size - 1
    }

    /// The place of `name` if it is known; else it is at `place` from now on.
    mutating func place(
        of name: JSONView,
        else place: Int,
        in members: [(name: JSONView, value: JSONView)]
    ) -> Int? {
        let text = name.record.pointee.text
        let hash = ByteRun.hash(text, seed: seed)
        let mark = hash & 0xFFFF_FFFF_0000_0000 | UInt64(UInt32(truncatingIfNeeded: place &+ 1))
        var slot = Int(truncatingIfNeeded: hash) & mask
        while slots[slot] != 0 {
            let found = slots[slot]
            if (found ^ mark) >> 32 == 0 {
                let earlier = Int(found & 0xFFFF_FFFF) - 1
                let other = members[earlier].name.record.pointee.text
                if other.count == text.count, let left = text.baseAddress, let right = other.baseAddress,
                    ByteRun.areEqual(left, right, count: text.count)
                {
                    return earlier
                }
            }
            slot = (slot + 1) & mask
        }
        slots[slot] = mark
        return nil
    }
}
