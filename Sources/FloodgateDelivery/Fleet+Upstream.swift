// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// What an edge tells those upstream: of every instance as long as these are few, else of a sample and of some that are behind.
///
/// An instance behind a balancer asks several edges and must count once, so an edge tells of instances and not of sums. Which
/// of them are in the sample depends on their ids alone, so that it is the same ones at all edges.
extension Fleet {
    /// What to tell, and what it is.
    package struct Tidings: Sendable {
        /// The oldest changes, and the number of the last of them.
        package var sightings: [FleetSighting]
        package var number: Int
        /// One instance out of 2 to this power is in the sample.
        package var level: Int
        /// Whether there is more to tell.
        package var hasMore: Bool
    }

    /// How many instances outside of the sample are told of by name while they are behind.
    private static let named = 100

    /// What somebody upstream should hear of `environment` who heard of all changes up to `number`.
    package func changes(of environment: String, after number: Int, at now: Int64, limit: Int) -> Tidings {
        cells.withLock { cells in
            guard var cell = cells.removeValue(forKey: environment) else {
                return Tidings(sightings: [], number: number, level: 0, hasMore: false)
            }
            defer { cells[environment] = cell }
            func isLive(_ row: Row) -> Bool { now - row.lastSeen <= Self.patience }
            let oldLevel = cell.level
            cell.level = nextLevel(for: cell.rows.values.count(where: isLive), from: cell.level)
            let level = cell.level
            if level < oldLevel {
                // Those upstream have not heard of these, and shall not wait for their next sign.
                for (id, row) in cell.rows where Self.isSampled(id, at: level) && !Self.isSampled(id, at: oldLevel) {
                    guard isLive(row) else { continue }
                    cell.change += 1
                    cell.rows[id]?.change = cell.change
                }
            }
            var changed: [Row] = []
            var late = Foremost<TimedID>(room: Self.named)
            var namedTimes: [UInt64] = []
            var caughtUp: [String] = []
            for (id, row) in cell.rows where isLive(row) {
                let isSampled = row.sighting.isEdge || Self.isSampled(id, at: level)
                let isBehind = row.sighting.time < cell.newest
                // Until they were told that it has caught up.
                let isNamed = row.isNamed && !isSampled && (isBehind || row.change > number)
                if row.isNamed, !isNamed { caughtUp.append(id) }
                if isNamed, isBehind { namedTimes.append(row.sighting.time) }
                if row.change > number, isSampled || isNamed {
                    changed.append(row)
                } else if isBehind, !isSampled, !isNamed {
                    late.insert(TimedID(time: row.sighting.time, id: id))
                }
            }
            for id in caughtUp { cell.rows[id]?.isNamed = false }
            changed.sort { $0.change < $1.change }
            // There is room for names only if all changes are told, so that theirs may come after them.
            let isAll = changed.count <= limit
            // Who is less far behind than these may hold what somebody waits for, and is in nobody's way.
            let furthest = late.elements.first?.time ?? 0
            let taken = namedTimes.count { $0 <= furthest }
            let room = isAll ? min(Self.named - taken, 4 * Self.named - namedTimes.count) : 0
            for id in late.elements.prefix(max(0, room)).map(\.id) {
                guard var row = cell.rows[id] else { continue }
                cell.change += 1
                (row.change, row.isNamed) = (cell.change, true)
                cell.rows[id] = row
                changed.append(row)
            }
            let told = isAll ? changed[...] : changed.prefix(limit)
            return Tidings(
                sightings: told.map { Self.sighting(of: $0, at: level, now) },
                number: told.last?.change ?? number,
                level: level,
                hasMore: !isAll
            )
        }
    }

    /// The edge `teller` tells of one instance out of 2 to the power of `level` from now on, which stands for the others.
    package func thin(_ environment: String, toldBy teller: String, to level: Int) {
        cells.withLock { cells in
            guard let rows = cells[environment]?.rows else { return }
            for (id, row) in rows where row.teller == teller && row.sighting.weight > 0 && !row.sighting.isEdge {
                if Self.isSampled(id, at: level) {
                    cells[environment]?.rows[id]?.sighting.weight = max(row.sighting.weight, 1 << level)
                } else {
                    cells[environment]?.rows[id] = nil
                }
            }
        }
    }

    /// Changes seldom, since those upstream have to make up for it.
    private func nextLevel(for count: Int, from level: Int) -> Int {
        var level = level
        while level < 32, count >> level > told { level += 1 }
        while level > 0, count >> level < told * 2 / 5 { level -= 1 }
        return level
    }

    /// Whether the instance is one of those out of 2 to the power of `level`; then it is for all lower ones, too.
    static func isSampled(_ id: String, at level: Int) -> Bool {
        guard level > 0 else { return true }
        // FNV-1a, whose lower bits depend on all bytes.
        let hash = id.utf8.reduce(0xCBF2_9CE4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        return (hash ^ hash >> 32) & (1 << UInt64(min(level, 63)) - 1) == 0
    }

    private static func sighting(of row: Row, at level: Int, _ now: Int64) -> FleetSighting {
        var sighting = row.sighting
        sighting.offered = nil
        sighting.usedAgo = max(0, now - row.usedAt)
        sighting.confirmedAgo = row.confirmedAt.map { max(0, now - $0) }
        sighting.seenAgo = max(0, now - row.lastSeen)
        if !sighting.isEdge {
            let stands = isSampled(sighting.id, at: level) && sighting.weight > 0
            sighting.weight = stands ? max(sighting.weight, 1 << level) : 0
        }
        return sighting
    }
}
