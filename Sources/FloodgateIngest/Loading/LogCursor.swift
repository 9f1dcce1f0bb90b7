// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateWarehouse

/// A place between two events of a log: before the event `number` of the batch at `position`, or of the next batch there is.
package struct LogCursor: Sendable, Hashable, Comparable {
    package var position: Int64
    package var number: Int

    package init(position: Int64, number: Int = 0) {
        self.position = position
        self.number = number
    }

    /// Before the first event.
    package static let start = LogCursor(position: 0)

    /// Behind all events of the batch at `position`.
    package init(behind position: Int64) { self.init(position: position == .max ? position : position + 1) }

    /// The number of the log's segment there.
    package var segment: Int64 { position >> 32 }

    package static func < (left: LogCursor, right: LogCursor) -> Bool {
        (left.position, left.number) < (right.position, right.number)
    }
}

/// A stretch of the log that is loaded as one block.
package struct LoadPiece: Sendable, Hashable {
    package var start: LogCursor
    package var end: LogCursor
    /// The day that its batches arrived on.
    package var day: ArrivalDay
    /// If not nil, its events become dead letters for this reason.
    package var deadReason: String?
    /// When the broker took in the newest that was read for it, in Unix milliseconds; nil for what comes from no broker.
    package var storedAt: Int64?

    package init(
        from start: LogCursor,
        to end: LogCursor,
        day: ArrivalDay,
        deadReason: String? = nil,
        storedAt: Int64? = nil
    ) {
        self.start = start
        self.end = end
        self.day = day
        self.deadReason = deadReason
        self.storedAt = storedAt
    }

    /// The block's id: equal for the same stretch, and different for events as rows and as dead letters.
    package func block(of node: String) -> String {
        let stretch = "\(start.position)-\(start.number)-\(end.position)-\(end.number)"
        let time = storedAt.map { "-t\(String($0, radix: 36))" } ?? ""
        return "\(Self.word(node))-\(stretch)\(deadReason == nil ? "" : "-dead")\(time)"
    }

    /// Up to where a block of `node` goes; nil if `block` is none of it.
    package static func end(of block: String, node: String) -> LogCursor? {
        named(block, node: node)?.end
    }

    /// Whether `block` is of a lane that began a partition again: it may have loaded what another lane had loaded.
    ///
    /// The names of such lanes are too long to be written out; those of others are not, with a thousand partitions, the most there are.
    package static func isRepeated(_ block: String) -> Bool {
        block.hasPrefix(word("partition-")) && block.prefix { $0 != "-" }.contains("__")
    }

    /// How far `blocks` go that are of the lane `node` of a partition; nil if none is.
    package static func loaded(_ blocks: some Sequence<String>, node: String) -> LoadedLane? {
        var lane: LoadedLane?
        for block in blocks {
            guard let (end, storedAt) = named(block, node: node) else { continue }
            lane = LoadedLane(
                through: max(lane?.through ?? 0, end.position - 1),
                storedAt: [lane?.storedAt, storedAt].compactMap(\.self).max()
            )
        }
        return lane
    }

    /// What the name of a block of `node` says; blocks of earlier versions do not say when the broker took them in.
    private static func named(_ block: String, node: String) -> (end: LogCursor, storedAt: Int64?)? {
        let prefix = word(node) + "-"
        guard block.hasPrefix(prefix) else { return nil }
        var parts = block.dropFirst(prefix.count).split(separator: "-", omittingEmptySubsequences: false)
        var storedAt: Int64?
        if let last = parts.last, last.hasPrefix("t"), let time = Int64(last.dropFirst(), radix: 36) {
            storedAt = time
            parts.removeLast()
        }
        if parts.last == "dead" { parts.removeLast() }
        guard parts.count == 4, let position = Int64(parts[2]), let number = Int(parts[3]), position > 0 else {
            return nil
        }
        return (LogCursor(position: position, number: number), storedAt)
    }

    /// The stretch of it from `start` to `end`.
    func part(from start: LogCursor, to end: LogCursor) -> LoadPiece {
        LoadPiece(from: start, to: end, day: day, storedAt: storedAt)
    }

    /// The part of the batch at `position` with so many events that belongs to the piece; nil if none.
    package func part(of position: Int64, count: Int) -> Range<Int>? {
        let first = position == start.position ? start.number : 0
        let last = position < end.position ? count : position == end.position ? min(count, end.number) : 0
        return position >= start.position && first < last ? first..<last : nil
    }

    /// A node's name in the letters that block ids may have; short, and different for different names.
    private static func word(_ node: String) -> String {
        var word = ""
        var hash: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in node.utf8 {
            // FNV-1a.
            hash = (hash ^ UInt64(byte)) &* 0x100_0000_01b3
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: word.unicodeScalars.append(Unicode.Scalar(byte))
            default: word += "_" + String(byte, radix: 16)
            }
        }
        return word.utf8.count <= 30 ? word : "\(word.prefix(20))__\(String(hash, radix: 16))"
    }
}

/// How far a lane of a partition is loaded, and what tells whether the partition is still the one that it was loaded from.
package struct LoadedLane: Sendable, Hashable {
    /// Up to which sequence; 0 for a lane that was only begun.
    package var through: Int64
    /// When the broker took in the newest of it, in Unix milliseconds; nil if that is not known.
    package var storedAt: Int64?

    package init(through: Int64, storedAt: Int64? = nil) {
        self.through = through
        self.storedAt = storedAt
    }
}
