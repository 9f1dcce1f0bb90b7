// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateHTTP
import FloodgateJSON
import FloodgateSnapshots
import FloodgateSpecs
import NIOCore
import Synchronization

/// The stream of changes of each environment, as docs/wire.md has it.
final class SpecFeeds: Sendable {
    /// Longer documents are announced, and fetched by each client at a time of its own.
    static let longestInline = 64 << 10
    /// How many clients should fetch an announced document in a second.
    private static let fetchesPerSecond = 4_000

    private struct Entry: Sendable {
        let feed: EventFeed
        /// The same without documents.
        let announcements: EventFeed
        var number = 0
        var time: UInt64 = 0
        var checksum: String?
    }

    private let entries = Mutex<[String: Entry]>([:])
    private let places: StreamPlaces

    /// Makes feeds whose readers hold `places`.
    init(places: StreamPlaces) { self.places = places }

    /// Tells the readers of the environment of what was published.
    func post(_ snapshot: PreparedSnapshot) {
        let document = snapshot.answer(.v2, toHolderOf: HeldSnapshot(), acceptsGzip: false).body
        let announcement = announcement(of: snapshot)
        let (entry, number) = entries.withLock { entries in
            var entry = entries[snapshot.environment] ?? Entry(feed: EventFeed(), announcements: EventFeed())
            entry.number += 1
            entry.time = snapshot.time
            entry.checksum = snapshot.checksum
            entries[snapshot.environment] = entry
            return (entry, entry.number)
        }
        let text = document.count <= Self.longestInline ? Self.specs(document) : announcement
        entry.feed.publish(FeedEvent(number: number, whole: text))
        entry.announcements.publish(FeedEvent(number: number, whole: announcement))
    }

    /// The feed of `environment`, and the number of the event that brought a client the document that it holds; nil for
    /// one that holds another than the newest, or none.
    func feed(
        of environment: String,
        toHolderOf held: HeldSnapshot,
        announcing: Bool = false
    ) -> (feed: EventFeed, held: Int?)? {
        guard let entry = entries.withLock({ $0[environment] }) else { return nil }
        let isCurrent = held.time.map { $0 >= entry.time } ?? false
        return (
            announcing ? entry.announcements : entry.feed,
            isCurrent && held.agrees(with: entry.checksum) ? entry.number : nil
        )
    }

    private static func specs(_ document: [UInt8]) -> ByteBuffer {
        var text = ByteBuffer()
        text.reserveCapacity(document.count + 64)
        text.writeStaticString("event: specs\ndata: ")
        // Compact JSON has no line ends of its own.
        text.writeBytes(document)
        text.writeStaticString("\n\n")
        return text
    }

    private func announcement(of snapshot: PreparedSnapshot) -> ByteBuffer {
        var data: JSONObject = [
            "time": .integer(Int64(clamping: snapshot.time)), "hash": .string(snapshot.hash.text),
            "spread_ms": .integer(places.count * 1_000 / Self.fetchesPerSecond),
        ]
        data.set("checksum", snapshot.checksum.map(JSONValue.string))
        return ByteBuffer(string: "event: version\ndata: \(JSONValue.object(data).text)\n\n")
    }
}
