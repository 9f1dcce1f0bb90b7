// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Everything that a client takes from its surroundings besides the network: clocks and chance.
package struct Timing: Sendable {
    /// Nanoseconds on a clock that never jumps; counts intervals.
    package var monotonic: @Sendable () -> Int64
    /// Unix milliseconds; stamps events and documents.
    package var wall: @Sendable () -> Int64
    /// Waits; throws when the task is cancelled.
    package var sleep: @Sendable (Duration) async throws -> Void
    /// A random number from 0 up to, not including, 1; spreads requests.
    package var random: @Sendable () -> Double

    /// Makes surroundings of the parts given.
    package init(
        monotonic: @escaping @Sendable () -> Int64,
        wall: @escaping @Sendable () -> Int64,
        sleep: @escaping @Sendable (Duration) async throws -> Void,
        random: @escaping @Sendable () -> Double
    ) {
        self.monotonic = monotonic
        self.wall = wall
        self.sleep = sleep
        self.random = random
    }

    /// The machine's own clocks and generator.
    package static var system: Timing {
        Timing(
            monotonic: { nanoseconds(of: monotonicClock) },
            wall: { nanoseconds(of: CLOCK_REALTIME) / 1_000_000 },
            sleep: { try await SystemSleep.sleep(for: $0) },
            random: { Double.random(in: 0..<1) }
        )
    }

    /// Waits for `duration`; false if the task was cancelled meanwhile.
    func pause(_ duration: Duration) async -> Bool {
        do { try await sleep(duration) } catch { return false }
        return !Task.isCancelled
    }

    #if os(Linux)
        // Read without a system call and without the processor's counter: 3 ns, in steps of 4 ms.
        private static var monotonicClock: clockid_t { CLOCK_MONOTONIC_COARSE }
    #else
        private static var monotonicClock: clockid_t { CLOCK_MONOTONIC }
    #endif

    private static func nanoseconds(of clock: clockid_t) -> Int64 {
        var time = timespec()
        guard clock_gettime(clock, &time) == 0 else { return 0 }
        return Int64(time.tv_sec) &* 1_000_000_000 &+ Int64(time.tv_nsec)
    }
}

extension Duration {
    /// The duration in whole nanoseconds; the nearest representable number if it is out of range.
    var nanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (product, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        let (sum, carry) = product.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflow || carry ? (seconds < 0 ? .min : .max) : sum
    }

    /// The duration in whole milliseconds.
    var milliseconds: Int64 { nanoseconds / 1_000_000 }
}
