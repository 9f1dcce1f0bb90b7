// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

extension IDList {
    /// So many changes are kept beside the segments before these are made anew.
    private var mostChanges: Int { max(1 << 15, settledCount / 64) }

    /// Makes changes in their order: each is the 48 bits of a member, and one bit that says whether it is one.
    mutating func make(_ new: [UInt64]) {
        guard changes.count + new.count <= mostChanges else { return merge(new) }
        for change in new {
            let (key, isMember) = (change >> 1, change & 1 == 1)
            let wasMember = contains(key: key)
            guard isMember != wasMember else { continue }
            keyCount += isMember ? 1 : -1
            let isSettled = segments.isEmpty ? false : segments[Int(key >> 40)].contains(key)
            changes[key] = isMember == isSettled ? nil : isMember
        }
    }

    /// Makes the segments anew, one after the other, so that those that nobody else holds are gone meanwhile.
    private mutating func merge(_ new: [UInt64]) {
        // 40 bits of the member, 23 of the change's number, and what it is to be: the last one of a member is decisive.
        let longest = 1 << 22
        guard new.count <= longest else {
            merge(Array(new.prefix(longest)))
            return make(Array(new.dropFirst(longest)))
        }
        let old = changes.map { $0.key << 1 | ($0.value ? 1 : 0) }
        changes = [:]
        let count = old.count + new.count
        var places = [Int](repeating: 0, count: 257)
        for change in old { places[Int(change >> 41) + 1] += 1 }
        for change in new { places[Int(change >> 41) + 1] += 1 }
        for number in 1...256 { places[number] += places[number - 1] }
        var next = places
        var sorted = [UInt64](repeating: 0, count: count)
        var number: UInt64 = 0
        for changes in [old, new] {
            for change in changes {
                let segment = Int(change >> 41)
                sorted[next[segment]] = (change >> 1) << 24 | number << 1 | change & 1
                next[segment] += 1
                number += 1
            }
        }
        if segments.isEmpty { segments = [IDListSegment](repeating: .empty, count: 256) }
        var scratch: [UInt32] = []
        sorted.withUnsafeMutableBufferPointer { sorted in
            for number in 0..<256 where places[number] < places[number + 1] {
                var part = UnsafeMutableBufferPointer(rebasing: sorted[places[number]..<places[number + 1]])
                part.sort()
                segments[number] = segments[number].merged(with: UnsafeBufferPointer(part), scratch: &scratch)
            }
        }
        settledCount = segments.reduce(0) { $0 + $1.count }
        keyCount = settledCount
    }
}

extension IDListSegment {
    /// The segment after sorted changes: 40 bits of a member, 23 bits that sort its changes, 1 that says whether it is one.
    func merged(with changes: UnsafeBufferPointer<UInt64>, scratch: inout [UInt32]) -> IDListSegment {
        let most = Self.heads + count + changes.count
        if scratch.count < most { scratch = [UInt32](repeating: 0, count: most + most / 4) }
        var end = Self.heads
        scratch.withUnsafeMutableBufferPointer { output in
            words.withUnsafeBufferPointer { words in
                var change = changes.startIndex
                var place = Self.heads
                for head in 0..<256 {
                    output[head] = UInt32(end - Self.heads)
                    let limit = words.isEmpty ? place : Self.heads + Int(words[head + 1])
                    while change < changes.endIndex, Int(changes[change] >> 56) == head {
                        let member = changes[change] >> 24
                        while change + 1 < changes.endIndex, changes[change + 1] >> 24 == member { change += 1 }
                        let low = UInt32(truncatingIfNeeded: member)
                        while place < limit, words[place] < low {
                            output[end] = words[place]
                            end += 1
                            place += 1
                        }
                        if place < limit, words[place] == low { place += 1 }
                        if changes[change] & 1 == 1 {
                            output[end] = low
                            end += 1
                        }
                        change += 1
                    }
                    while place < limit {
                        output[end] = words[place]
                        end += 1
                        place += 1
                    }
                }
                output[256] = UInt32(end - Self.heads)
            }
        }
        return end == Self.heads ? .empty : IDListSegment(words: Array(scratch[..<end]))
    }
}
