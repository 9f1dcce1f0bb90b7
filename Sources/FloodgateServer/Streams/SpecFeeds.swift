// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateHTTP
import FloodgateJSON
import FloodgateSnapshots
import NIOCore
import Synchronization

/// The stream of changes of each environment, as docs/wire.md has it.
final class SpecFeeds: Sendable {
    /// Longer documents are announced, and fetched by each client at a time of its own.
    static let longestInline = 64 << 10
    /// How many clients should fetch an announced document in a second.
    private static let fetchesPerSecond = 4_000

    private struct Entry: Sendable {
        let feed = EventFeed()
        /// The same without documents, for readers that take nothing without its seal.
        let announcements = EventFeed()
        var number = 0
        var snapshot: PreparedSnapshot?
        /// What each feed says to a reader who has nothing.
        var (whole, announcement) = (ByteBuffer(), ByteBuffer())
        /// That ID lists have changed; nothing if they have not since the process began.
        var lists = ByteBuffer()

        func publish(step: ByteBuffer?, sealed: ByteBuffer?) {
            feed.publish(FeedEvent(number: number, whole: whole + lists, step: step))
            announcements.publish(FeedEvent(number: number, whole: announcement + lists, step: sealed))
        }
    }

    private let entries = Mutex<[String: Entry]>([:])
    private let places: StreamPlaces

    /// Makes feeds whose readers hold `places`.
    init(places: StreamPlaces) { self.places = places }

    /// Tells the readers of the environment of what was published.
    func post(_ snapshot: PreparedSnapshot) {
        let document = snapshot.payload
        let announcement = announcement(of: snapshot)
        let (entry, old) = entries.withLock { entries in
            var entry = entries[snapshot.environment] ?? Entry()
            let old = entry.snapshot
            entry.number += 1
            entry.snapshot = snapshot
            entry.whole = document.count <= Self.longestInline ? Self.specs(document) : announcement
            entry.announcement = announcement
            entries[snapshot.environment] = entry
            return (entry, old)
        }
        var (step, sealed): (ByteBuffer?, ByteBuffer?)
        if let old {
            let delta = DocumentDelta(from: old.payload, old.hash, to: document, snapshot.hash)
            // Who has the bytes and asks for no seal has everything.
            step = old.hash == snapshot.hash ? ByteBuffer(string: ": sealed\n\n") : text(delta, of: snapshot, nil)
            sealed = snapshot.seal.flatMap { text(delta, of: snapshot, $0) }
        }
        entry.publish(step: step, sealed: sealed)
    }

    /// Tells all readers that ID lists have changed; whoever heard of all before hears of nothing else.
    func postLists(at time: Int64) {
        let data: JSONObject = ["time": .integer(time), "spread_ms": .integer(spread)]
        let text = ByteBuffer(string: "event: id_lists\ndata: \(JSONValue.object(data).text)\n\n")
        let entries = entries.withLock { entries in
            for environment in entries.keys {
                entries[environment]?.number += 1
                entries[environment]?.lists = text
            }
            return Array(entries.values)
        }
        for entry in entries { entry.publish(step: text, sealed: text) }
    }

    /// Over how many milliseconds all readers should spread who are to fetch something.
    private var spread: Int { places.count * 1_000 / Self.fetchesPerSecond }

    /// The feed of `environment`, and the number of the event that brought a client the document that it holds; nil for
    /// one that holds another than the newest, or none.
    func feed(
        of environment: String,
        toHolderOf held: HeldSnapshot,
        announcing: Bool = false
    ) -> (feed: EventFeed, held: Int?)? {
        guard let entry = entries.withLock({ $0[environment] }) else { return nil }
        let isCurrent = held.time.map { $0 >= entry.snapshot?.time ?? 0 } ?? false
        return (
            announcing ? entry.announcements : entry.feed,
            isCurrent && held.agrees(with: entry.snapshot?.checksum) ? entry.number : nil
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
        ByteBuffer(string: "event: version\ndata: \(JSONValue.object(version(of: snapshot)).text)\n\n")
    }

    /// What leads to `snapshot` from the document before it; nil if that is too long to be sent to everybody.
    private func text(_ delta: DocumentDelta, of snapshot: PreparedSnapshot, _ seal: SnapshotSeal?) -> ByteBuffer? {
        var data = version(of: snapshot)
        for member in delta.json { data[member.name] = member.value }
        data.set("seal", seal.map { .object($0.json) })
        let text = "event: delta\ndata: \(JSONValue.object(data).text)\n\n"
        return text.utf8.count <= Self.longestInline ? ByteBuffer(string: text) : nil
    }

    private func version(of snapshot: PreparedSnapshot) -> JSONObject {
        var data: JSONObject = [
            "time": .integer(Int64(clamping: snapshot.time)), "hash": .string(snapshot.hash.text),
            "spread_ms": .integer(spread),
        ]
        data.set("checksum", snapshot.checksum.map(JSONValue.string))
        return data
    }
}

extension ByteBuffer {
    fileprivate static func + (first: ByteBuffer, second: ByteBuffer) -> ByteBuffer {
        guard second.readableBytes > 0 else { return first }
        var both = first
        both.writeImmutableBuffer(second)
        return both
    }
}
