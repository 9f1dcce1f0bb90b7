// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateHTTP
import FloodgateSnapshots
import NIOCore
import Synchronization

/// What edges are told of each environment: the newest state, who signed that it is the newest, and documents by hash.
final class CellBoard: Sendable {
    /// What there is of one environment.
    struct Cell: Sendable {
        /// The state as it goes over the wire.
        let bytes: [UInt8]
        /// Its entity tag, quotes included.
        let tag: String
        let position: SnapshotPosition
        /// That it was the newest not long ago; nil if nobody said so yet.
        var heartbeat: SignedText?
        /// The document and the one before it, which some may still ask for.
        var documents: [PreparedSnapshot]
    }

    private struct State: Sendable {
        var cells: [String: Cell] = [:]
        var feeds: [String: EventFeed] = [:]
        var number = 0
        /// Whether nobody is kept waiting any more, since the process stops.
        var isClosing = false
    }

    private let state = Mutex(State())

    /// The state of `environment`.
    func cell(of environment: String) -> Cell? { state.withLock { $0.cells[environment] } }

    /// Puts a state in the place of the one before, and tells those who wait for it.
    func post(_ cell: SignedCell, at position: SnapshotPosition, document: PreparedSnapshot) {
        let bytes = cell.bytes
        let (feed, number) = state.withLock { state in
            let environment = document.environment
            let old = state.cells[environment]
            state.cells[environment] = Cell(
                bytes: bytes,
                tag: "\"\(SnapshotHash(of: bytes).text.prefix(32))\"",
                position: position,
                heartbeat: old?.position == position ? old?.heartbeat : nil,
                documents: [document] + (old?.documents.filter { $0.hash != document.hash }.prefix(1) ?? [])
            )
            let feed = state.feeds[environment] ?? EventFeed()
            state.feeds[environment] = feed
            state.number += 1
            return (feed, state.number)
        }
        feed.publish(FeedEvent(number: number, whole: ByteBuffer()))
    }

    /// Somebody who may said that the state of `environment` at `position` is still the newest.
    func confirm(_ environment: String, at position: SnapshotPosition, by heartbeat: SignedText) {
        state.withLock { state in
            if state.cells[environment]?.position == position { state.cells[environment]?.heartbeat = heartbeat }
        }
    }

    private var isClosing: Bool { state.withLock { $0.isClosing } }

    /// Answers those who wait, and keeps nobody waiting from now on.
    func close() {
        let feeds = state.withLock { state in
            state.isClosing = true
            state.number += 1
            return state.feeds.values.map { ($0, state.number) }
        }
        for (feed, number) in feeds { feed.publish(FeedEvent(number: number, whole: ByteBuffer())) }
    }

    /// The document of `environment` with `hash`.
    func document(_ hash: SnapshotHash, of environment: String) -> PreparedSnapshot? {
        state.withLock { $0.cells[environment]?.documents.first { $0.hash == hash } }
    }

    /// Any document with `hash`; nobody knows the hash who was not told of the document.
    func document(_ hash: SnapshotHash) -> PreparedSnapshot? {
        state.withLock { state in
            state.cells.values.lazy.flatMap(\.documents).first { $0.hash == hash }
        }
    }

    /// The state of `environment` as soon as it is another than `tag` names, or after `patience` whatever it is.
    func cell(of environment: String, otherThan tag: String, for patience: Duration) async -> Cell? {
        guard let feed = state.withLock({ $0.feeds[environment] }) else { return cell(of: environment) }
        // Before the state is looked at, so that no change falls in between.
        let changes = feed.events()
        if let cell = cell(of: environment), cell.tag != tag || patience <= .zero || isClosing { return cell }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { [self] in
                for await _ in changes where cell(of: environment)?.tag != tag || isClosing { return }
            }
            group.addTask { try? await Task.sleep(for: patience) }
            await group.next()
            group.cancelAll()
        }
        return cell(of: environment)
    }
}
