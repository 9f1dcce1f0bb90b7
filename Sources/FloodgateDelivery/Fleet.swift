// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Which instance of an SDK, or edge, answers from which document, as far as they were seen lately, and how long each
/// document took from its commit to its use.
///
/// Times are those of this process's clock: instances say how long ago something was, so that their clocks do not matter.
package final class Fleet: Sendable {
    /// After so many milliseconds without a sign an instance counts as gone.
    package static let patience: Int64 = 90_000
    /// An edge that gives no sign is remembered for so many milliseconds, for people to see that it is gone.
    private static let edgePatience: Int64 = 3_600_000
    /// How many instances of one environment are noted.
    package static let capacity = 100_000
    /// How many instances of one environment an edge tells of, if it has more.
    package static let told = 1_000
    /// How many documents are remembered.
    private static let versions = 32
    /// Somebody upstream is told at most so often, in milliseconds, that an instance is still there.
    private static let signInterval: Int64 = 25_000
    /// When there are too many, those that are gone are looked for at most so often, in milliseconds.
    private static let pruningPause: Int64 = 5_000

    struct Row: Sendable {
        var sighting: FleetSighting
        var firstSeen: Int64
        var lastSeen: Int64
        var usedAt: Int64
        var confirmedAt: Int64?
        var offered: (time: UInt64, at: Int64)?
        /// The number of the change that somebody upstream should hear of.
        var change: Int
        /// When that was.
        var changedAt: Int64
        /// The edge that tells of it; nil for one that asks here.
        var teller: String?
        /// When it did so last.
        var toldAt: Int64
        /// Whether those upstream were told that it is behind, though they are told of some instances alone.
        var isNamed = false
        /// When it gave the sign of which those upstream were told because they asked.
        var answeredFor: Int64?
    }

    struct Version: Sendable {
        var time: UInt64
        var checksum: String?
        var delays: [(value: UInt32, weight: UInt32)] = []
    }

    struct Cell: Sendable {
        var rows: [String: Row] = [:]
        /// The newest first.
        var versions: [Version] = []
        var newest: UInt64 = 0
        /// When that came here, in Unix milliseconds.
        var newestAt: Int64 = 0
        var change = 0
        /// Those upstream are told of one instance out of 2 to this power.
        var level = 0
        var leftOut = 0
        /// When those that are gone were last left out.
        var prunedAt: Int64 = 0
        /// Those that are behind, by the time of their last sign, and when they were looked for.
        var doubted: [String] = []
        var doubtedAt: Int64 = 0
        /// Those that upstream asked about and of whom nothing better is known here, and when it asked.
        var asked: [String] = []
        var askedAt: Int64 = 0
    }

    let cells = Mutex<[String: Cell]>([:])
    let capacity: Int
    /// How many instances of one environment those upstream are told of.
    let told: Int

    /// Makes a fleet of which nobody was seen yet.
    package init(capacity: Int = Fleet.capacity, told: Int = Fleet.told) {
        self.capacity = capacity
        self.told = told
    }

    /// The environments of which something is known.
    package var environments: [String] { cells.withLock { $0.keys.sorted() } }

    /// How many instances of `environment` are noted, some of which may be gone.
    package func count(of environment: String) -> Int { cells.withLock { $0[environment]?.rows.count ?? 0 } }

    /// A document of `environment` is there to be used, at `now` in Unix milliseconds.
    package func publish(_ environment: String, time: UInt64, checksum: String?, at now: Int64) {
        cells.withLock { cells in
            var cell = cells[environment] ?? Cell()
            if time > cell.newest { (cell.newest, cell.newestAt) = (time, now) }
            Self.note(time, checksum, in: &cell)
            cells[environment] = cell
        }
    }

    /// When the newest document of `environment` came here, in Unix milliseconds; nil without one.
    package func publishedAt(_ environment: String) -> Int64? {
        cells.withLock { $0[environment].flatMap { $0.newest > 0 ? $0.newestAt : nil } }
    }

    /// Something of an instance of `environment` was seen at `now`, in Unix milliseconds, here or by the edge `teller`.
    package func see(_ sighting: FleetSighting, of environment: String, by teller: String? = nil, at now: Int64) {
        cells.withLock { cells in see(sighting, by: teller, in: &cells[environment, default: Cell()], now) }
    }

    private func see(_ sighting: FleetSighting, by teller: String?, in cell: inout Cell, _ now: Int64) {
        let seenAt = now - min(sighting.seenAgo, now)
        guard var row = cell.rows[sighting.id] else {
            // Seldom, since it looks at all of them.
            let pause = cell.rows.count >= capacity ? Self.pruningPause : Self.patience
            if now - cell.prunedAt >= pause || now < cell.prunedAt {
                cell.prunedAt = now
                let isFull = cell.rows.count >= capacity
                cell.rows = cell.rows.filter { _, row in
                    now - row.lastSeen <= (row.sighting.isEdge && !isFull ? Self.edgePatience : Self.patience)
                }
            }
            guard cell.rows.count < capacity else {
                cell.leftOut += 1
                return
            }
            cell.change += 1
            cell.rows[sighting.id] = Row(
                sighting: sighting,
                firstSeen: seenAt,
                lastSeen: seenAt,
                usedAt: sighting.usedAgo.map { now - min($0, now) } ?? seenAt,
                confirmedAt: sighting.confirmedAgo.map { now - min($0, now) },
                offered: sighting.offered.map { ($0, seenAt) },
                change: cell.change,
                changedAt: now,
                teller: teller,
                toldAt: now
            )
            return
        }
        // What came by another way may be older news.
        guard seenAt >= row.lastSeen || row.lastSeen > now else { return }
        let held = row.sighting
        row.sighting = sighting
        row.sighting.checksum = sighting.checksum ?? (sighting.time == held.time ? held.checksum : nil)
        // Whoever tells of more instances one by one knows better what this one stands for.
        let isKept =
            teller != row.teller && now - row.toldAt <= Self.patience
            && Self.rank(held.weight) < Self.rank(sighting.weight)
        if isKept { row.sighting.weight = held.weight } else { (row.teller, row.toldAt) = (teller, now) }
        row.lastSeen = seenAt
        row.confirmedAt = sighting.confirmedAgo.map { now - min($0, now) } ?? row.confirmedAt
        if sighting.time != held.time {
            let given = row.offered.flatMap { $0.time == sighting.time ? $0.at : nil }
            row.usedAt = sighting.usedAgo.map { now - min($0, now) } ?? given ?? seenAt
            // Who began after the commit, or with nothing, did not wait for it; what nobody published is from elsewhere.
            if held.time > 0, cell.newest == 0 || sighting.time <= cell.newest,
                row.firstSeen < Int64(clamping: sighting.time)
            {
                let delay = row.usedAt - min(row.usedAt, Int64(clamping: sighting.time))
                let index = Self.note(sighting.time, sighting.checksum, in: &cell)
                if let index, cell.versions[index].delays.count < capacity {
                    let weight = UInt32(clamping: row.sighting.weight)
                    cell.versions[index].delays.append((UInt32(clamping: delay), weight))
                }
            }
        }
        if let offered = sighting.offered { row.offered = (offered, seenAt) }
        if sighting.time != held.time || now - row.changedAt >= Self.signInterval {
            cell.change += 1
            row.change = cell.change
            row.changedAt = now
        }
        cell.rows[sighting.id] = row
    }

    /// Remembers a document.
    /// - Returns: Where; nil if it is too old.
    @discardableResult
    private static func note(_ time: UInt64, _ checksum: String?, in cell: inout Cell) -> Int? {
        if let known = cell.versions.firstIndex(where: { $0.time == time }) {
            cell.versions[known].checksum = checksum ?? cell.versions[known].checksum
            return known
        }
        guard time > 0 else { return nil }
        let index = cell.versions.firstIndex { $0.time < time } ?? cell.versions.count
        guard index < versions else { return nil }
        cell.versions.insert(Version(time: time, checksum: checksum), at: index)
        if cell.versions.count > versions { cell.versions.removeLast() }
        return index
    }

    /// What is known of `environment` at `now`, in Unix milliseconds.
    ///
    /// `time` names another document than the newest to ask about, `limit` how many stragglers are named.
    package func status(of environment: String, time: UInt64? = nil, at now: Int64, limit: Int) -> FleetStatus {
        // Values, not the table: whoever writes meanwhile would have to copy that.
        let (cell, rows, edges) = cells.withLock { cells -> (Cell, [Row], [Row]) in
            guard let known = cells[environment] else { return (Cell(), [], []) }
            var cell = known
            cell.rows = [:]
            let live = known.rows.values.filter { now - $0.lastSeen <= Self.patience }
            return (cell, live, known.rows.values.filter(\.sighting.isEdge))
        }
        let newest = cell.newest > 0 ? cell.newest : cell.versions.first?.time ?? 0
        let target = time ?? newest
        var counts: [UInt64: (count: Int, checksum: String?)] = [:]
        for (time, rows) in Dictionary(grouping: rows, by: \.sighting.time) where time > 0 {
            counts[time] = (Self.count(rows), rows.lazy.compactMap(\.sighting.checksum).first)
        }
        for version in cell.versions where counts[version.time] == nil { counts[version.time] = (0, version.checksum) }
        let known = Dictionary(cell.versions.map { ($0.time, $0) }) { first, _ in first }
        let behind = rows.filter { $0.sighting.time < target }
        let live = Self.count(rows)
        let stragglers = behind.sorted { ($0.sighting.time, $0.sighting.id) < ($1.sighting.time, $1.sighting.id) }
        return FleetStatus(
            environment: environment,
            time: target,
            newest: newest,
            live: live,
            isEstimate: rows.contains { $0.sighting.weight > 1 },
            holding: live - Self.count(behind),
            versions: counts.sorted { $0.key > $1.key }.map { time, entry in
                FleetStatus.Version(
                    time: time,
                    checksum: known[time]?.checksum ?? entry.checksum,
                    instances: entry.count,
                    delay: FleetStatus.Delay(known[time]?.delays ?? [])
                )
            },
            stragglers: stragglers.prefix(limit).map(Self.instance),
            edges: Self.current(edges, at: now).prefix(limit).map(Self.instance),
            leftOut: cell.leftOut
        )
    }

    /// How many instances `rows` stand for; those that are told of by name count if nothing stands for them.
    private static func count(_ rows: [Row]) -> Int { max(rows.count, rows.reduce(0) { $0 + $1.sighting.weight }) }

    private static func rank(_ weight: Int) -> Int { weight == 0 ? .max : weight }

    /// Those edges that are there, and of the others the newest run of each name, the stalest first.
    private static func current(_ edges: [Row], at now: Int64) -> [Row] {
        var names: Set<String> = []
        return
            edges
            .sorted { $0.lastSeen > $1.lastSeen }
            .filter { row in
                let isNew = names.insert(row.sighting.name).inserted
                let age = now - row.lastSeen
                return age <= patience || (isNew && age <= edgePatience)
            }
            .sorted { ($0.confirmedAt ?? 0, $0.sighting.id) < ($1.confirmedAt ?? 0, $1.sighting.id) }
    }

    private static func instance(_ row: Row) -> FleetStatus.Instance {
        FleetStatus.Instance(
            sighting: row.sighting,
            lastSeen: row.lastSeen,
            usedAt: row.usedAt,
            confirmedAt: row.confirmedAt
        )
    }
}
