// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import FloodgateIngest
internal import Logging
internal import Synchronization

/// Does what no answer is to wait for, one thing at a time: moves what was committed into its file, seals what is full, and
/// makes the next segment before it is needed.
///
/// What fails here costs no batch. What was not moved stays where it was committed; a segment that was not sealed is complete,
/// and the writer is told of it.
final class SQLiteEventLogKeeper: Sendable {
    /// What is known of the log beside a segment.
    struct Log {
        var number: Int64 = 0
        /// How long it was when it was last moved; 0 if it was not, or begins anew.
        var bytes = 0
        /// Whether the disk has so little room that none is taken ahead of need.
        var isTight = false
    }

    private struct State {
        /// How much was asked for and is not done.
        var pending = 0
        /// Whether a move waits to begin.
        var isMoveWaiting = false
        var spare: EventSegmentSpare?
        var unsealed: [(number: Int64, counts: EventCounts)] = []
        /// The log of the segment that was moved last.
        var log = Log()
    }

    private let folder: EventSegmentFolder
    private let queue: SQLiteEventLogQueue
    private let logger: Logger
    private let now: @Sendable () -> Int64
    private let ampleBytes: Int
    private let state = Mutex(State())
    // All of it waits for the disk.
    private let worker = DispatchQueue(label: "floodgate.event-log.keeper")

    init(
        folder: EventSegmentFolder,
        queue: SQLiteEventLogQueue,
        ampleBytes: Int,
        logger: Logger,
        now: @escaping @Sendable () -> Int64
    ) {
        self.folder = folder
        self.queue = queue
        self.ampleBytes = ampleBytes
        self.logger = logger
        self.now = now
    }

    /// Whether all is done that was asked for.
    var isIdle: Bool { state.withLock { $0.pending == 0 } }

    /// Waits until all is done that was asked for.
    func wait() { worker.sync {} }

    /// Waits, and leaves nothing in the folder that is no part of the log.
    func stop() {
        worker.sync {
            state.withLock { $0.spare = nil }
            folder.removeSpare()
        }
    }

    /// What is known of the log of a segment.
    func log(of number: Int64) -> Log { state.withLock { $0.log.number == number ? $0.log : Log(number: number) } }

    /// Notes that the log of a segment begins anew.
    func noteRestart() { state.withLock { $0.log.bytes = 0 } }

    /// Segments that could not be sealed, each once.
    func takeUnsealed() -> [(number: Int64, counts: EventCounts)] {
        state.withLock { state in
            defer { state.unsealed = [] }
            return state.unsealed
        }
    }

    /// Makes the segment that was made ahead the one with that number, if it can be.
    func takeSpare(_ number: Int64) {
        let spare = state.withLock { state in
            defer { state.spare = nil }
            return state.spare
        }
        // Without it the segment is made when it is opened.
        if let spare, spare.number == number { try? spare.take() }
    }

    /// Has the segment with that number made ahead.
    func prepare(_ number: Int64) {
        perform { [self] in
            let spare = try? EventSegmentSpare(number: number, in: folder, now: now())
            state.withLock { $0.spare = spare }
        }
    }

    /// Gives back what room the segment made ahead has, as on a full disk.
    func dropSpare() { perform { [self] in giveBack() } }

    private func giveBack() {
        state.withLock { $0.spare = nil }
        folder.removeSpare()
    }

    /// Has the log beside a segment moved into it as far as it goes, and room made for what comes.
    func move(_ number: Int64) {
        let isWaiting = state.withLock { state in
            defer { state.isMoveWaiting = true }
            return state.isMoveWaiting
        }
        guard !isWaiting else { return }
        perform { [self] in
            state.withLock { $0.isMoveWaiting = false }
            guard let length = EventSegment.move(number, in: folder) else { return }
            let isTight = folder.freeBytes < ampleBytes
            state.withLock { $0.log = Log(number: number, bytes: length, isTight: isTight) }
            guard !isTight else { return giveBack() }
            let room = length + Self.roomBytes
            try? folder.widen(number, to: room)
            let spare = state.withLock { state in
                defer { state.spare = nil }
                return state.spare
            }
            guard var spare else { return }
            do throws(EventLogError) {
                // It will be about as long as this one, and then has to be made no longer while batches come.
                try spare.widen(to: min(room, Self.mostRoom))
                state.withLock { $0.spare = spare }
            } catch {
                // There is something better to do with what room there is.
                folder.removeSpare()
            }
        }
    }

    /// How much room there is to be ahead of the writer: what comes while some is made.
    private static let roomBytes = 8 << 20
    /// How much the next segment is given at most: what a segment of large batches needs.
    private static let mostRoom = 72 << 20

    /// Seals a segment that nothing is appended to any more.
    func seal(_ segment: EventSegment) {
        perform { [self] in
            do throws(EventLogError) {
                try segment.seal(now: now(), attempts: 50)
                folder.protect(segment.number)
                queue.reportSealed()
            } catch {
                logger.warning("A segment could not be sealed", metadata: ["error": "\(error)"])
                segment.close()
                state.withLock { $0.unsealed.append((segment.number, segment.counts)) }
            }
        }
    }

    private func perform(_ work: @escaping @Sendable () -> Void) {
        state.withLock { $0.pending += 1 }
        worker.async { [self] in
            work()
            state.withLock { $0.pending -= 1 }
        }
    }
}
