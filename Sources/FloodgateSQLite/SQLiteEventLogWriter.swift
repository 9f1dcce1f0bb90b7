// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import FloodgateIngest
internal import Logging

/// The one that writes: takes what waits, commits it as one transaction, answers; seals segments by size and age.
struct SQLiteEventLogWriter: Sendable {
    let folder: EventSegmentFolder
    let queue: SQLiteEventLogQueue
    let keeper: SQLiteEventLogKeeper
    let options: SQLiteEventLogOptions
    let logger: Logger
    let now: @Sendable () -> Int64
    var segment: EventSegment?
    /// The highest number that a segment ever had; none is used twice, since positions hang on it.
    var highestNumber: Int64
    /// Segments that were let go of as they were, and what was known to be in each.
    var unsettled: [(number: Int64, counts: EventCounts)] = []
    var failureTimes: [Int64] = []
    var pause: (until: Int64, reason: EventLogError)?
    /// Since when, and for how many milliseconds, segments are left as they are because one could not be settled.
    var settlePause: (since: Int64, length: Int64)?
    /// When the disk and what it spoilt were last looked at.
    var lastMend: Int64?
    private var lastReport: Int64 = 0
    /// Whether the disk had no room just now, and gets back what can be.
    private var isFull = false

    /// Milliseconds; a disk that works again is used again within this.
    static let longestPause: Int64 = 10_000
    /// Bytes of a log that are given back on a disk with little room.
    private static let tightLog = 4 << 20

    init(
        folder: EventSegmentFolder,
        queue: SQLiteEventLogQueue,
        keeper: SQLiteEventLogKeeper,
        options: SQLiteEventLogOptions,
        segment: EventSegment?,
        highestNumber: Int64,
        logger: Logger,
        now: @escaping @Sendable () -> Int64
    ) {
        self.folder = folder
        self.queue = queue
        self.keeper = keeper
        self.options = options
        self.segment = segment
        self.highestNumber = highestNumber
        self.logger = logger
        self.now = now
    }

    /// Writes until the queue says stop; never returns while a task waits for an answer.
    mutating func run() {
        queue.report(segment: segment?.number)
        keeper.prepare(highestNumber + 1)
        while true {
            switch queue.next(patience: patience) {
            case .write(let group):
                sealIfDue()
                let result = write(group.map(\.batch))
                queue.answer(group, with: result, isHealthy: isHealthy)
                moveIfDue()
                mendIfDue()
            case .look:
                sealIfDue()
                mendIfDue()
            case .stop:
                keeper.stop()
                segment?.close()
                segment = nil
                queue.report(segment: nil)
                return
            }
        }
    }

    private mutating func write(_ batches: [LoggedBatch]) -> Result<[Int64], EventLogError> {
        if segment == nil, let pause, (0..<Self.longestPause).contains(pause.until &- now()) {
            return .failure(pause.reason)
        }
        do throws(EventLogError) {
            if segment == nil { segment = try nextSegment() }
            segment?.begin(at: now())
            let positions = try segment?.append(batches, willCommit: options.willCommit)
            failureTimes = []
            pause = nil
            return .success(positions ?? [])
        } catch {
            note(error)
            // A full disk harms no file. After anything else the kernel may have dropped pages that SQLite takes for
            // written, so no batch goes into this file again.
            isFull = error.code == .full
            if isFull { keeper.dropSpare() } else { abandonSegment() }
            return .failure(error)
        }
    }

    mutating func nextSegment() throws(EventLogError) -> EventSegment {
        // Before anything is behind them: a reader that has gone on to the next segment does not look back.
        settle()
        guard highestNumber < EventSegmentFolder.largestNumber else {
            throw EventLogError(.storage, "There are no more numbers for segments; begin a new data folder")
        }
        let number = highestNumber + 1
        keeper.takeSpare(number)
        do {
            let segment = try EventSegment(number: number, in: folder, now: now(), checked: false)
            highestNumber = number
            queue.report(segment: number)
            keeper.prepare(number + 1)
            return segment
        } catch {
            // A file that could not be filled for want of room is as good as new; any other is left alone.
            if error.code != .full {
                highestNumber = number
                if folder.exists(number) { unsettled.append((number, EventCounts())) }
            }
            throw error
        }
    }

    /// Remembers a failure, and reports it if that was not done just now.
    ///
    /// From the third in a row on, the next new segment has to wait, so that a broken disk does not fill the folder
    /// with one file per request.
    mutating func note(_ error: EventLogError) {
        let time = now()
        if failureTimes.isEmpty || time &- lastReport >= 10_000 {
            lastReport = time
            logger.error("Events could not be written", metadata: ["error": "\(error)"])
        }
        failureTimes.append(time)
        failureTimes = failureTimes.suffix(16)
        guard error.code != .full, failureTimes.count >= 3 else { return }
        pause = (time &+ min(Self.longestPause, 250 << Int64(failureTimes.count - 3)) - 1, error)
    }

    /// Lets go of the segment where it is, damaged or not: readers get what there is, and it is settled when the disk is well.
    private mutating func abandonSegment() {
        if let segment {
            // Nobody else is to have the file open.
            keeper.wait()
            segment.close()
            unsettled.append((segment.number, segment.counts))
        }
        segment = nil
        queue.report(segment: nil)
    }

    private mutating func moveIfDue() {
        guard let number = segment?.number else { return }
        if segment?.takeDueMove() ?? false { keeper.move(number) }
        let log = keeper.log(of: number)
        let limit = log.isTight ? min(Self.tightLog, options.logSizeBytes) : options.logSizeBytes
        guard isFull || log.bytes >= limit && (keeper.isIdle || log.isTight || log.bytes / 2 >= limit) else { return }
        // The little that the keeper has not moved yet; few commits wait for that, and those that do get a shorter log.
        keeper.wait()
        segment?.moveAll(givesBack: isFull || log.isTight)
        keeper.noteRestart()
        isFull = false
    }

    /// Has the segment sealed while the next one already takes batches.
    private mutating func sealIfDue() {
        unsettled += keeper.takeUnsealed()
        guard let segment, segment.counts.batches > 0,
            segment.sizeBytes >= options.segmentSizeBytes || age(of: segment) >= segmentAgeMilliseconds
        else { return }
        if !keeper.isIdle {
            // Better a segment that is somewhat longer, or older, than batches that wait, up to a limit.
            guard
                segment.sizeBytes / 2 >= options.segmentSizeBytes || age(of: segment) / 2 >= segmentAgeMilliseconds
            else { return }
            keeper.wait()
        }
        queue.report(segment: nil)
        self.segment = nil
        keeper.seal(segment)
    }

    private func age(of segment: EventSegment) -> Int64 {
        now().subtractingReportingOverflow(segment.begunAt).partialValue
    }

    private var segmentAgeMilliseconds: Int64 { Self.milliseconds(options.segmentAge) }

    static func milliseconds(_ time: Duration) -> Int64 {
        let parts = time.components
        return parts.seconds.multipliedReportingOverflow(by: 1000).partialValue &+ parts.attoseconds
            / 1_000_000_000_000_000
    }

    /// How long to sleep before the segment's age is looked at again: a minute at most, for the clock may be set.
    private var patience: DispatchTimeInterval {
        var longest: Int64 = 60_000
        if needsMending { longest = max(1, min(longest, Self.milliseconds(options.mendInterval))) }
        guard let segment, segment.counts.batches > 0 else { return .milliseconds(Int(longest)) }
        let rest = segmentAgeMilliseconds &- age(of: segment)
        // One that is due waits for the keeper, which does not say when it is done.
        return .milliseconds(Int(rest > 0 ? min(longest, rest) : 20))
    }

    /// Fewer than three failures in the last minute; a success clears them.
    var isHealthy: Bool {
        let start = now() - 60_000
        return failureTimes.suffix(3).count { $0 > start } < 3
    }
}
