// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import FloodgateSnapshots

/// Everything that requests read: whoever publishes, or follows another server, writes it.
struct Boards: Sendable {
    let snapshots = SnapshotBoard()
    let answers = ConfigAnswersBoard()
    let feeds: SpecFeeds
    let places: StreamPlaces
    let idLists = IDListBoard()
    let ring = KeyRing()
    let cells = CellBoard()
    let fleet = Fleet()
    private let now: @Sendable () -> Int64

    init(streams: Int, now: @escaping @Sendable () -> Int64) {
        self.now = now
        places = StreamPlaces(limit: streams)
        feeds = SpecFeeds(places: places)
    }

    /// Shows a document to everybody, unless a newer one is there.
    /// - Parameters:
    ///   - snapshot: The document.
    ///   - age: How many seconds ago it was known to be the newest.
    /// - Returns: Whether it was shown.
    func post(_ snapshot: PreparedSnapshot, age: Int?) -> Bool {
        guard snapshots.post(snapshot) else { return false }
        fleet.publish(snapshot.environment, time: snapshot.time, checksum: snapshot.checksum, at: now())
        answers.post(snapshot, age: age)
        feeds.post(snapshot)
        return true
    }

    /// Shows ID lists, in the place of all that were there, and tells the readers of streams if they are others.
    func post(_ files: [IDListFile], at time: Int64) {
        if idLists.post(files) { feeds.postLists(at: time) }
    }
}
