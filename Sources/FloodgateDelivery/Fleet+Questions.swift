// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// What an edge that tells of few of its instances is asked about: those that are behind by the last that was heard of them.
///
/// One that was named as behind, and holds the newest document at another edge since, would stand for behind until its last
/// sign is too old, for that edge has no reason to tell of it. So whoever is told of instances asks for those that are
/// behind, and an edge that knows better says so once.
extension Fleet {
    /// How many instances are asked about at once.
    private static let mostQuestions = 256
    /// How many bytes their ids may have as JSON.
    private static let mostQuestionBytes = 32 << 10
    /// How many bytes an id may have, of which there are 128 characters at most.
    private static let mostIDBytes = 512
    /// Those that are behind are looked for at most so often, in milliseconds.
    private static let questionPause: Int64 = 1_000
    /// What those upstream asked about is handed on for so many milliseconds.
    private static let questionPatience: Int64 = 30_000

    /// Which instances of `environment` an edge should tell of if they are not behind by what it saw.
    ///
    /// Those come first that gave no sign for the longest time, since they may be elsewhere. There are 256 at most, among
    /// them some that those upstream asked about and of whom nothing is known here.
    package func questions(about environment: String, at now: Int64) -> [String] {
        let (own, handedOn) = cells.withLock { cells -> ([String], [String]) in
            guard let cell = cells[environment] else { return ([], []) }
            let pause = now - cell.doubtedAt
            let isHeard = 0...Self.questionPatience ~= now - cell.askedAt
            guard pause < 0 || pause >= Self.questionPause else { return (cell.doubted, isHeard ? cell.asked : []) }
            var doubted = Foremost<TimedID>(room: Self.mostQuestions)
            for (id, row) in cell.rows
            where row.sighting.time < cell.newest && !row.sighting.isEdge && now - row.lastSeen <= Self.patience {
                doubted.insert(TimedID(time: UInt64(clamping: row.lastSeen), id: id))
            }
            let ids = doubted.elements.map(\.id)
            cells[environment]?.doubted = ids
            cells[environment]?.doubtedAt = now
            return (ids, isHeard ? cell.asked : [])
        }
        let most = Self.mostQuestions
        let first = own.prefix(max(most / 2, most - handedOn.count))
        let known = Set(first)
        var bytes = 0
        return (first + handedOn.lazy.filter { !known.contains($0) }.prefix(most - first.count)).prefix { id in
            // Quotes and backslashes take two.
            bytes += 2 * id.utf8.count + 3
            return bytes <= Self.mostQuestionBytes
        }
    }

    /// Those upstream take it that `ids` are behind: they are told of each that is not, unless they are anyway.
    package func answer(_ ids: [String], about environment: String, at now: Int64) {
        cells.withLock { cells in
            guard var cell = cells.removeValue(forKey: environment) else { return }
            defer { cells[environment] = cell }
            cell.asked = []
            cell.askedAt = now
            for id in ids.prefix(Self.mostQuestions) where id.utf8.count <= Self.mostIDBytes {
                guard let row = cell.rows[id], now - row.lastSeen <= Self.patience, row.sighting.time >= cell.newest
                else {
                    cell.asked.append(id)
                    continue
                }
                // Who gave no sign since was told of before: something newer is known of it elsewhere.
                guard !row.sighting.isEdge, !Self.isSampled(id, at: cell.level), row.answeredFor != row.lastSeen
                else { continue }
                cell.change += 1
                cell.rows[id]?.change = cell.change
                cell.rows[id]?.isNamed = true
                cell.rows[id]?.answeredFor = row.lastSeen
            }
        }
    }
}
