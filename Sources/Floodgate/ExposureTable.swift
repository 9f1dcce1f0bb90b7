// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// An open-addressing table of hashes and times, at most half full, that is read while it is written to.
// SAFETY: the places are made in `init`, never moved, and freed with the table; whoever writes holds the window's lock.
final class ExposureTable: @unchecked Sendable {
    /// Key and time side by side, so that a look-up touches one cache line.
    private struct Place: ~Copyable {
        /// 0 where nothing is.
        let key = Atomic<UInt64>(0)
        let time = Atomic<Int64>(0)
    }

    /// How many places there are: a power of two.
    let capacity: Int
    private let places: UnsafeMutablePointer<Place>

    init(capacity: Int) {
        self.capacity = capacity
        places = .allocate(capacity: capacity)
        for index in 0..<capacity { (places + index).initialize(to: Place()) }
    }

    deinit {
        places.deinitialize(count: capacity)
        places.deallocate()
    }

    /// How many places let `count` keys fill half of them at most.
    static func capacity(for count: Int) -> Int {
        var capacity = 64
        while capacity < count * 2 { capacity *= 2 }
        return capacity
    }

    /// When the exposure was logged; nil also where a writer is just about to change its place.
    @inline(__always)
    func time(of key: UInt64) -> Int64? {
        let mask = capacity &- 1
        var index = Int(truncatingIfNeeded: key) & mask
        for _ in 0...mask {
            let found = places[index].key.load(ordering: .acquiring)
            if found == key {
                let time = places[index].time.load(ordering: .acquiring)
                // Emptied and taken by another meanwhile, it would have shown that one's time.
                return places[index].key.load(ordering: .relaxed) == key ? time : nil
            }
            if found == 0 { return nil }
            index = (index &+ 1) & mask
        }
        return nil
    }

    /// Notes that the exposure was logged at `time`; false if it had been before.
    @discardableResult
    func insert(_ key: UInt64, at time: Int64) -> Bool {
        let mask = capacity &- 1
        var index = Int(truncatingIfNeeded: key) & mask
        while true {
            let found = places[index].key.load(ordering: .relaxed)
            if found == 0 || found == key {
                places[index].time.store(time, ordering: .releasing)
                places[index].key.store(key, ordering: .releasing)
                return found == 0
            }
            index = (index &+ 1) & mask
        }
    }

    func insert(contentsOf other: ExposureTable) {
        for index in 0..<other.capacity {
            let key = other.places[index].key.load(ordering: .relaxed)
            if key != 0 { insert(key, at: other.places[index].time.load(ordering: .relaxed)) }
        }
    }

    func removeAll() {
        for index in 0..<capacity { places[index].key.store(0, ordering: .relaxed) }
    }
}
