// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateControlPlane
import FloodgateDelivery
import FloodgateSpecs
import Logging
import ServiceLifecycle
import Synchronization

/// Carries what the control plane publishes to where requests read it: snapshots, ID lists and keys.
///
/// Looks for changes several times a second, since another process may make them, and at once when it is told of one.
/// A failed look leaves everything as it was.
package final class Publisher: Service {
    private let control: ControlPlane
    private let board: SnapshotBoard
    private let answers: ConfigAnswersBoard
    private let feeds: SpecFeeds
    private let idLists: IDListBoard
    private let idListFiles: IDListFiles
    private let ring: KeyRing
    private let bell: ChangeBell
    private let interval: Duration
    private let now: @Sendable () -> Int64
    private let metrics: ServerMetrics
    private let logger: Logger
    private let hints = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    private let seen = Mutex<Int64?>(nil)

    init(
        control: ControlPlane,
        board: SnapshotBoard,
        answers: ConfigAnswersBoard,
        feeds: SpecFeeds,
        idLists: IDListBoard,
        idListFiles: IDListFiles,
        ring: KeyRing,
        bell: ChangeBell,
        interval: Duration,
        now: @escaping @Sendable () -> Int64,
        metrics: ServerMetrics,
        logger: Logger
    ) {
        self.control = control
        self.board = board
        self.answers = answers
        self.feeds = feeds
        self.idLists = idLists
        self.idListFiles = idListFiles
        self.ring = ring
        self.bell = bell
        self.interval = interval
        self.now = now
        self.metrics = metrics
        self.logger = logger
    }

    /// Says that something was changed here just now.
    package func hint() { hints.continuation.yield() }

    /// Publishes what is new, until the group shuts down.
    package func run() async {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { for await _ in self.hints.stream { await self.look() } }
                group.addTask { while (try? await Task.sleep(for: self.interval)) != nil { self.hint() } }
            }
        }
    }

    private func look() async {
        do {
            try await refresh()
        } catch {
            guard error.code != .cancelled else { return }
            metrics.refreshFailed()
            logger.warning("Looking for changes failed", metadata: ["error": .string("\(error)")])
        }
    }

    /// Publishes what is new, if anything is.
    /// - Throws: `ControlError` if the store cannot be read.
    package func refresh() async throws(ControlError) {
        ring.dropExpired(at: now())
        let count = try await control.changeCount()
        guard seen.withLock({ $0 }) != count else { return }
        ring.replace(with: try await control.keys(), at: now())
        // Whatever comes of the rest, those whose keys are gone hear of it.
        defer { bell.ring() }
        let files = try await control.idLists().map { list in
            IDListFile(
                name: list.name,
                fileID: list.fileID,
                creationTime: list.creationTime,
                content: list.content
            )
        }
        idLists.post(files)
        idListFiles.post(files)
        for environment in try await control.environments() {
            let published = try await control.currentDocument(environment: environment)
            if board.snapshot(of: environment)?.time == published.document.time { continue }
            let snapshot: PreparedSnapshot
            do {
                snapshot = try PreparedSnapshot(published.document, environment: environment, receivedAt: now())
            } catch {
                throw ControlError(.storage, "The snapshot of '\(environment)' cannot be prepared", cause: error)
            }
            guard board.post(snapshot) else { continue }
            answers.post(snapshot)
            feeds.post(snapshot)
            metrics.published(environment: environment, time: snapshot.time)
            logger.info(
                "Snapshot published",
                metadata: [
                    "floodgate.environment": .string(environment),
                    "floodgate.sequence": .stringConvertible(published.sequence),
                    "floodgate.time": .stringConvertible(snapshot.time),
                ]
            )
        }
        seen.withLock { $0 = count }
    }
}
