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
    let idListFiles = IDListFiles()
    let ring = KeyRing()
    let cells = CellBoard()

    init(streams: Int) {
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
        answers.post(snapshot, age: age)
        feeds.post(snapshot)
        return true
    }

    /// Shows ID lists, in the place of all that were there.
    func post(_ files: [IDListFile]) {
        idLists.post(files)
        idListFiles.post(files)
    }
}
