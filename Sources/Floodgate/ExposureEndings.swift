// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
internal import FloodgateEvents

/// Where in a body the exposures of ready answers stand, since the next of the same answer ends like the first.
struct ExposureEndings: ~Copyable {
    private struct Entry {
        let answer: ObjectIdentifier
        let name: String
        let ending: EventBatchWriter.Ending
    }

    private static let capacity = 2048

    private var places = [Int16](repeating: -1, count: Self.capacity)
    private var entries: [Entry] = []
    /// The document that the entries are about.
    private var context: EventContext?

    /// The end of an earlier exposure of the same answer under the same document.
    mutating func find(_ exposure: ReadyExposure, in context: EventContext) -> EventBatchWriter.Ending? {
        if context !== self.context {
            if context.details != self.context?.details { removeAll() }
            self.context = context
        }
        let place = places[place(of: exposure)]
        return place < 0 ? nil : entries[Int(place)].ending
    }

    /// Notes the end of the exposure that `find` did not know.
    mutating func insert(_ ending: EventBatchWriter.Ending, of exposure: ReadyExposure) {
        guard entries.count < Self.capacity / 2 else { return }
        places[place(of: exposure)] = Int16(entries.count)
        entries.append(Entry(answer: ObjectIdentifier(exposure.answer), name: exposure.name, ending: ending))
    }

    /// Forgets all.
    mutating func removeAll() {
        context = nil
        guard !entries.isEmpty else { return }
        entries.removeAll(keepingCapacity: true)
        for index in places.indices { places[index] = -1 }
    }

    /// Where the exposure is or would be noted.
    private func place(of exposure: ReadyExposure) -> Int {
        let answer = ObjectIdentifier(exposure.answer)
        // Objects lie 16 bytes apart or more.
        let hash = UInt64(UInt(bitPattern: answer)) >> 4 &* 0x9E37_79B9_7F4A_7C15
        var index = Int(truncatingIfNeeded: hash >> 32) & (Self.capacity - 1)
        while places[index] >= 0 {
            let entry = entries[Int(places[index])]
            if entry.answer == answer, entry.name.isExactly(exposure.name) { break }
            index = (index + 1) & (Self.capacity - 1)
        }
        return index
    }
}
