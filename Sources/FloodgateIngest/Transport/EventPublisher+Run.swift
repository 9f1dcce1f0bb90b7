// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Logging
internal import Synchronization

extension EventPublisher {
    /// Sends until the task is cancelled; whoever waits then is told.
    ///
    /// May run once at a time.
    package func run() async {
        await begin()
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.repeating(self.options.lookInterval) { self.wake() } }
            group.addTask { await self.repeating(.milliseconds(100)) { self.dismissLateWaiters() } }
            group.addTask { await self.keepMark() }
            group.addTask { await self.keepConnected() }
            var wakeups = wakeups.stream.makeAsyncIterator()
            while !Task.isCancelled {
                if await takeMore(into: &group) { continue }
                guard await wakeups.next(isolation: nil) != nil else { break }
            }
            group.cancelAll()
        }
        end()
    }

    private func begin() async {
        var position = mark.read()
        if position > 0, let counts = try? await log.counts(), counts.lastPosition < position {
            logger.error(
                "The log is not the one that the mark is about; all of it is sent",
                metadata: ["mark": .stringConvertible(position), "last": .stringConvertible(counts.lastPosition)]
            )
            position = 0
        }
        state.withLock { state in
            state.window = PublishWindow(mark: position)
            state.troubledSince = nil
            state.isRunning = true
        }
    }

    private func end() {
        let (waiters, position) = state.withLock { state in
            state.isRunning = false
            defer { state.waiters = [:] }
            return (state.waiters.values.flatMap { $0 }, state.window.mark)
        }
        for waiter in waiters { waiter.continuation.resume(returning: .failure(Self.closed)) }
        write(position)
    }

    /// Puts what there is and what fits on its way.
    /// - Returns: Whether to look again at once.
    private func takeMore(into group: inout TaskGroup<Void>) async -> Bool {
        let (position, room) = state.withLock { state in
            let hasRoom = state.window.sizeBytes < options.inFlightBytes
            return (state.window.taken, hasRoom ? options.inFlight - state.window.count : 0)
        }
        guard room > 0 else { return false }
        let batches: [LoggedBatch]
        do {
            batches = try await log.read(after: position, limit: min(room, 32))
        } catch {
            logger.warning("The event log cannot be read", metadata: ["error": "\(error)"])
            try? await Task.sleep(for: options.firstPause)
            return false
        }
        for batch in batches {
            let isTaken = state.withLock { state in
                // A large batch goes alone rather than never.
                guard state.window.count == 0 || state.window.sizeBytes < options.inFlightBytes else { return false }
                state.window.take(batch.id, sizeBytes: batch.payload.count)
                return true
            }
            guard isTaken else { return false }
            group.addTask { await self.send(batch) }
        }
        return !batches.isEmpty
    }

    private func send(_ batch: LoggedBatch) async {
        var pause = options.firstPause
        while !Task.isCancelled {
            do throws(TransportError) {
                try await transport.publish(batch, from: node)
                return arrived(batch)
            } catch {
                note(error)
                try? await Task.sleep(for: pause * Double.random(in: 0...1))
                pause = min(pause * 2, options.longestPause)
            }
        }
    }

    private func arrived(_ batch: LoggedBatch) {
        let waiters = state.withLock { state in
            state.window.arrive(batch.id, sizeBytes: batch.payload.count)
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

    private func keepMark() async {
        var written = mark.read()
        await repeating(options.markInterval) {
            let position = self.state.withLock { $0.window.mark }
            guard position != written else { return }
            if self.write(position) { written = position }
        }
    }

    @discardableResult
    private func write(_ position: Int64) -> Bool {
        do {
            try mark.write(position)
            return true
        } catch {
            logger.warning("The mark of the transport was not written", metadata: ["error": "\(error)"])
            return false
        }
    }

    /// Connects before the first batch comes, and mends what publishing alone does not.
    private func keepConnected() async {
        while !Task.isCancelled {
            do throws(TransportError) {
                try await transport.prepare()
                // Batches that are on their way tell better; without any, acceptance would never begin again.
                state.withLock { state in
                    guard state.window.count == 0 else { return }
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
