// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// The first of many in their order, as many as there is room for: each of the others costs one comparison.
struct Foremost<Element: Comparable> {
    private let room: Int
    /// Those of them that are the first up to now, in order.
    private(set) var elements: [Element] = []

    /// Nothing yet; there is room for `room`.
    init(room: Int) {
        self.room = room
        elements.reserveCapacity(min(room, 1_024))
    }

    /// Takes `element` into account.
    mutating func insert(_ element: Element) {
        if elements.count >= room {
            guard let last = elements.last, element < last else { return }
            elements.removeLast()
        }
        var (low, high) = (0, elements.count)
        while low < high {
            let middle = low + (high - low) / 2
            if elements[middle] < element { low = middle + 1 } else { high = middle }
        }
        elements.insert(element, at: low)
    }
}

/// An instance by its id, and the time by which it is chosen; the earliest come first.
struct TimedID: Comparable {
    var time: UInt64
    var id: String

    static func < (left: TimedID, right: TimedID) -> Bool {
        left.time != right.time ? left.time < right.time : left.id < right.id
    }
}
