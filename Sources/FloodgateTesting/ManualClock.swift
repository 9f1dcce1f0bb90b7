// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Floodgate
internal import Synchronization

/// Time that stands still until a test moves it.
///
/// A fixture's client tells the time by it: rules about the time, the window within which the same exposure is not logged
/// twice, polling, the sending of events. Give it to code of your own, too, which asks for `any Clock<Duration>`.
///
/// ```swift
/// let flags = FloodgateFixture()
/// _ = flags.client.checkGate("new_checkout", for: user)
/// await flags.clock.advance(by: .seconds(61))
/// _ = flags.client.checkGate("new_checkout", for: user)  // a minute later, so it is logged again
/// #expect(await flags.exposures().count == 2)
/// ```
public final class ManualClock: Clock, Sendable {
    /// A moment of a manual clock.
    public struct Instant: InstantProtocol {
        /// Time passed since the clock was made.
        public let offset: Duration

        /// Makes the moment that comes so long after the clock was made.
        public init(offset: Duration) { self.offset = offset }

        /// The moment that lies `duration` after this one.
        public func advanced(by duration: Duration) -> Instant { Instant(offset: offset + duration) }

        /// How long it takes from this moment to `other`.
        public func duration(to other: Instant) -> Duration { other.offset - offset }

        /// Whether one moment comes before another.
        public static func < (left: Instant, right: Instant) -> Bool { left.offset < right.offset }
    }

    private struct Sleeper {
        var due: Duration
        /// Whether it is one of the client's tasks, which sleep again when they have done what they woke for.
        var comesBack: Bool
        var continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var offset = Duration.zero
        /// Unix milliseconds at the clock's zero.
        var epoch: Int64
        var nextID: UInt64 = 0
        var sleepers: [UInt64: Sleeper] = [:]
        /// How many of the client's tasks were woken and do not sleep again yet.
        var busy = 0
        /// How many of the client's tasks sleep when all is done.
        var residents: @Sendable () -> Int = { 0 }

        mutating func takeSleepers(notAfter end: Duration) -> [Sleeper]? {
            guard let due = sleepers.values.map(\.due).min(), due <= end else { return nil }
            offset = max(offset, due)
            let woken = sleepers.filter { $0.value.due == due }.sorted { $0.key < $1.key }
            for (id, sleeper) in woken {
                sleepers[id] = nil
                if sleeper.comesBack { busy += 1 }
            }
            return woken.map(\.value)
        }
    }

    /// When a clock starts unless told otherwise, in Unix milliseconds: 15 June 2025, 15:06:40 UTC.
    public static let defaultStart: Int64 = 1_750_000_000_000

    private let state: Mutex<State>

    /// Makes a clock that stands at `unixMilliseconds`.
    public init(unixMilliseconds: Int64 = ManualClock.defaultStart) {
        state = Mutex(State(epoch: unixMilliseconds))
    }

    /// The moment at which the clock stands.
    public var now: Instant { Instant(offset: state.withLock { $0.offset }) }

    /// A nanosecond.
    public var minimumResolution: Duration { .nanoseconds(1) }

    /// The date, in Unix milliseconds.
    public var unixMilliseconds: Int64 {
        state.withLock { $0.epoch &+ $0.offset.wholeNanoseconds / 1_000_000 }
    }

    /// Changes the date while no time passes, as when somebody sets the machine's clock.
    ///
    /// ```swift
    /// flags.clock.setDate(unixMilliseconds: 1_767_225_600_000)  // New Year 2026, UTC
    /// ```
    public func setDate(unixMilliseconds: Int64) {
        state.withLock { $0.epoch = unixMilliseconds &- $0.offset.wholeNanoseconds / 1_000_000 }
    }

    /// Lets time pass, and whatever is due meanwhile happen in its order, each at its own moment.
    ///
    /// Returns when the client has done all of it, so that a poll, for one, is over; it waits for that no longer than a
    /// second of real time at each of these moments. Code of your own that sleeps by this clock is woken, not waited for.
    public func advance(by duration: Duration) async {
        await settle()
        let end = state.withLock { $0.offset + max(duration, .zero) }
        while let woken = state.withLock({ $0.takeSleepers(notAfter: end) }) {
            for sleeper in woken { sleeper.continuation.resume(returning: true) }
            await settle()
        }
        state.withLock { $0.offset = max($0.offset, end) }
    }

    /// Waits until the clock has been moved to `deadline` or beyond.
    /// - Throws: `CancellationError` if the task is cancelled meanwhile.
    public func sleep(until deadline: Instant, tolerance: Duration? = nil) async throws {
        try await sleep(until: deadline.offset, comesBack: false)
    }

    /// The client's view of this clock; chance always lies in the middle, so that intervals come out even.
    var timing: Timing {
        Timing(
            monotonic: { self.state.withLock { $0.offset.wholeNanoseconds } },
            wall: { self.unixMilliseconds },
            sleep: { duration in
                let due = self.state.withLock { $0.offset + duration }
                try await self.sleep(until: due, comesBack: true)
            },
            random: { 0.5 }
        )
    }

    /// Has the clock wait for as many sleepers before it moves on.
    func setResidents(_ count: @escaping @Sendable () -> Int) { state.withLock { $0.residents = count } }

    /// Waits until the client's tasks sleep again.
    private func settle() async {
        for attempt in 0..<1_200 {
            let residents = state.withLock { $0.residents }()
            let isSettled = state.withLock { state in
                state.busy == 0 && state.sleepers.values.count(where: \.comesBack) >= residents
            }
            if isSettled || residents == 0 { break }
            // Most often they are done in a moment.
            if attempt < 200 { await Task.yield() } else { try? await Task.sleep(for: .milliseconds(1)) }
            if Task.isCancelled { break }
        }
        state.withLock { $0.busy = 0 }
    }

    private func sleep(until due: Duration, comesBack: Bool) async throws {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        let isOver = await withTaskCancellationHandler {
            await withCheckedContinuation { (continuation: CheckedContinuation<Bool, Never>) in
                let answer: Bool? = state.withLock { state in
                    if comesBack { state.busy = max(0, state.busy - 1) }
                    // A task that was cancelled before this point has had its handler called already.
                    if Task.isCancelled { return false }
                    if due <= state.offset { return true }
                    state.sleepers[id] = Sleeper(due: due, comesBack: comesBack, continuation: continuation)
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            state.withLock { $0.sleepers.removeValue(forKey: id) }?.continuation.resume(returning: false)
        }
        if !isOver { throw CancellationError() }
    }
}

extension Duration {
    fileprivate var wholeNanoseconds: Int64 {
        components.seconds &* 1_000_000_000 &+ components.attoseconds / 1_000_000_000
    }
}
