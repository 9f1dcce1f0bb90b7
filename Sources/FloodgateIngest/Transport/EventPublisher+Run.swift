// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Logging
internal import Synchronization

extension EventPublisher {
    /// Sends until the task is cancelled; whoever waits then is told.
    ///
    /// May run once at a time.
    package func run() async {
        await begin()
        repeat {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.repeating(self.options.lookInterval) { self.wake() } }
                group.addTask { await self.repeating(.milliseconds(100)) { self.dismissLateWaiters() } }
                group.addTask { await self.repeating(self.options.markInterval) { self.keepMark() } }
                group.addTask { await self.keepConnected() }
                var wakeups = wakeups.stream.makeAsyncIterator()
                while !Task.isCancelled, !hasLost {
                    let hasNew = await takeMore(.new, into: &group)
                    let hasOld = await takeMore(.again, into: &group)
                    if hasNew || hasOld { continue }
                    guard await wakeups.next(isolation: nil) != nil else { break }
                }
                // With a loss, too: what is on its way arrives or not, and what does not is sent again.
                group.cancelAll()
            }
        } while !Task.isCancelled && beginAgain()
        end()
    }

    private func begin() async {
        var known = mark.read()
        written.withLock { [known] in $0 = known }
        let last = (try? await log.counts())?.lastPosition
        if let last, last < known.position {
            logger.error(
                "The log is not the one that the mark is about; all of it is sent",
                metadata: ["mark": .stringConvertible(known.position), "last": .stringConvertible(last)]
            )
            known = PublishMark.Content()
        }
        // Also where somebody removed the mark, so that all of it is sent again.
        if known.position == 0 { known.resentThrough = max(known.resentThrough, (last ?? 0) >> 32) }
        state.withLock { state in
            // What was not sent while nobody was here does not hold up what is new.
            let end = max(known.position, last ?? 0)
            state.window = PublishWindow(mark: end)
            state.again =
                known.position < end ? ResentStretch(after: known.position, through: end, partitions: nil) : nil
            state.passing = nil
            state.sight = known.sight
            state.resentThrough = known.resentThrough
            state.lastBefore = last ?? 0
            state.isDoubtful = true
            state.troubledSince = nil
            state.isRunning = true
        }
    }

    private func end() {
        let waiters = state.withLock { state in
            state.isRunning = false
            defer { state.waiters = [:] }
            return state.waiters.values.flatMap { $0 }
        }
        for waiter in waiters { waiter.continuation.resume(returning: .failure(Self.closed)) }
        keepMark()
    }

    /// Puts what there is of `flow`, and what fits, on its way.
    /// - Returns: Whether to look again at once.
    private func takeMore(_ flow: PublishFlow, into group: inout TaskGroup<Void>) async -> Bool {
        let (room, end) = state.withLock { ($0.room(for: flow, options), flow == .new ? nil : $0.again?.through) }
        guard let room else { return false }
        var batches: [LoggedBatch]
        do {
            batches = try await log.read(after: room.after, limit: min(room.count, 32))
        } catch {
            logger.warning("The event log cannot be read", metadata: ["error": "\(error)"])
            try? await Task.sleep(for: options.firstPause)
            return false
        }
        if let end {
            batches = batches.filter { $0.id <= end }
            if batches.isEmpty {
                state.withLock { state in
                    state.again?.isRead = true
                    state.endAgain()
                }
            }
        }
        for batch in batches {
            let partition = EventPartition.index(
                environment: batch.environment,
                position: batch.id,
                count: transport.partitionCount
            )
            let isSent: Bool? = state.withLock { state in
                // A large batch goes alone rather than never.
                guard state.room(for: flow, options) != nil else { return nil }
                return state.take(batch, of: flow, to: partition)
            }
            guard let isSent else { return false }
            if isSent { group.addTask { await self.send(batch, of: flow, to: partition) } }
        }
        return !batches.isEmpty
    }

    private func send(_ batch: LoggedBatch, of flow: PublishFlow, to partition: Int) async {
        var pause = options.firstPause
        var mayBeThere = mayHaveBeenSent(batch)
        while !Task.isCancelled {
            do throws(TransportError) {
                let floor = state.withLock { $0.sight.last(of: partition) }
                let receipt = try await transport.publish(batch, from: node)
                if mayBeThere, receipt.isNew { mayBeTwice(batch) }
                return arrived(batch, of: flow, receipt, above: floor)
            } catch {
                note(error)
                // Silence does not say that nothing was taken.
                if error.code != .full { mayBeThere = true }
                try? await Task.sleep(for: pause * Double.random(in: 0...1))
                pause = min(pause * 2, options.longestPause)
            }
        }
    }

    private func arrived(
        _ batch: LoggedBatch,
        of flow: PublishFlow,
        _ receipt: TransportReceipt,
        above floor: UInt64
    ) {
        let waiters = state.withLock { state in
            if state.sight.received(receipt, for: batch.id, above: floor) { state.lost.insert(receipt.partition) }
            state.arrive(batch, of: flow)
            state.published += 1
            state.trouble = nil
            state.troubledSince = nil
            return state.waiters.removeValue(forKey: batch.id)
        }
        for waiter in waiters ?? [] { waiter.continuation.resume(returning: .success(())) }
        wake()
    }

    private func note(_ error: TransportError) {
        let isNew = state.withLock { state in
            state.failures[error.code, default: 0] += 1
            defer { state.trouble = error }
            if state.troubledSince == nil { state.sight.anchor() }
            state.isDoubtful = true
            state.troubledSince = state.troubledSince ?? .now
            return state.trouble?.code != error.code
        }
        if isNew { logger.warning("Events do not reach the transport", metadata: ["error": "\(error)"]) }
    }

    private func dismissLateWaiters() {
        let now = ContinuousClock.now
        let (late, error) = state.withLock { state in
            var late: [Waiter] = []
            for (position, waiters) in state.waiters where waiters.contains(where: { $0.deadline <= now }) {
                late += waiters.filter { $0.deadline <= now }
                let rest = waiters.filter { $0.deadline > now }
                state.waiters[position] = rest.isEmpty ? nil : rest
            }
            return (late, self.late(state))
        }
        for waiter in late { waiter.continuation.resume(returning: .failure(error)) }
    }

    /// Has the mark say how far all is, unless what it says is enough.
    func keepMark(unless isEnough: (PublishMark.Content) -> Bool = { _ in false }) {
        written.withLock { written in
            if let written, isEnough(written) { return }
            let content = state.withLock { Self.content($0) }
            guard content != written else { return }
            do {
                try mark.write(content)
                written = content
            } catch {
                logger.warning("The mark of the transport was not written", metadata: ["error": "\(error)"])
            }
        }
    }

    static func content(_ state: State) -> PublishMark.Content {
        // A loss that nothing was done about yet is not to be forgotten by a kill.
        let isWhole = state.lost.isEmpty
        // What is new goes out beside what is sent again, and after a kill behind it once more.
        let isOnce = isWhole && state.again == nil
        return PublishMark.Content(
            position: isWhole ? state.mark : 0,
            sight: state.sight.lasting,
            resentThrough: max(state.resentThrough, isOnce ? 0 : state.window.taken >> 32)
        )
    }

    /// Connects before the first batch comes, and mends what publishing alone does not.
    private func keepConnected() async {
        var nextLook = ContinuousClock.now
        while !Task.isCancelled {
            do throws(TransportError) {
                try await transport.prepare()
                if nextLook <= .now || state.withLock({ $0.isDoubtful }) {
                    try await lookForLoss()
                    nextLook = .now + options.lossInterval
                }
                // Batches that are on their way tell better; without any, acceptance would never begin again.
                state.withLock { state in
                    guard state.inFlight == 0 else { return }
                    state.trouble = nil
                    state.troubledSince = nil
                }
            } catch {
                note(error)
            }
            try? await Task.sleep(for: options.checkInterval)
        }
    }

    private func repeating(_ interval: Duration, _ body: () -> Void) async {
        while !Task.isCancelled {
            body()
            try? await Task.sleep(for: interval)
        }
    }
}
