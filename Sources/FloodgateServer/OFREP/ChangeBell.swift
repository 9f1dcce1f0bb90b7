// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateDelivery
package import FloodgateHTTP
import NIOCore
import Synchronization

/// Rung whenever something was published; tells OpenFeature's clients to ask again if that can change an answer.
///
/// It says nothing of what changed: whoever hears of it asks for the newest, so that nobody ever has a backlog.
package final class ChangeBell: Sendable {
    private struct Entry: Sendable {
        let feed = EventFeed()
        var number = 0
        var version: FlagVersion?
    }

    private let snapshots: SnapshotBoard
    private let idLists: IDListBoard
    private let entries = Mutex<[String: Entry]>([:])

    /// Makes a bell for what is answered from these boards.
    package init(snapshots: SnapshotBoard, idLists: IDListBoard) {
        self.snapshots = snapshots
        self.idLists = idLists
    }

    /// Looks what flags are answered from now, and tells the clients of each environment for which that has changed.
    package func ring() {
        let lists = listsTag
        for environment in snapshots.times.keys {
            guard let snapshot = snapshots.snapshot(of: environment) else { continue }
            let version = FlagVersion(snapshot, lists: lists)
            let event = entries.withLock { entries -> (EventFeed, FeedEvent)? in
                var entry = entries[environment] ?? Entry()
                guard entry.version != version else { return nil }
                entry.version = version
                entry.number += 1
                entries[environment] = entry
                return (entry.feed, FeedEvent(number: entry.number, whole: ByteBuffer(string: version.event)))
            }
            if let (feed, event) = event { feed.publish(event) }
        }
    }

    /// What flags of `environment` are answered from, as clients were told last.
    package func version(of environment: String) -> FlagVersion? {
        entries.withLock { $0[environment]?.version }
    }

    /// The feed of `environment`, and the number of the event that a client has got already; nil for one that has got none,
    /// or not the newest.
    package func feed(of environment: String, lastEventID: String?) -> (feed: EventFeed, held: Int?)? {
        guard let entry = entries.withLock({ $0[environment] }) else { return nil }
        return (entry.feed, entry.version?.id == lastEventID ? entry.number : nil)
    }

    /// Changes with any list, and is the same on every node; empty where there are none.
    private var listsTag: String {
        let manifest = idLists.manifest(base: "")
        return manifest.count > 2 ? manifest.withUnsafeBytes { AnswerChecksum.text(of: $0) } : ""
    }
}
