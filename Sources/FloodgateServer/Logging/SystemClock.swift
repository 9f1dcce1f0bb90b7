// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The machine's clock, for those places that may read it.
package enum SystemClock {
    /// The current time in Unix milliseconds.
    package static let now: @Sendable () -> Int64 = {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000 + Int64(time.tv_nsec) / 1_000_000
    }

    /// A time in Unix milliseconds as RFC 3339 has it, in UTC; a year beyond 9999 is written as it is.
    package static func text(_ milliseconds: Int64) -> String { Timestamps.text(ofMilliseconds: milliseconds) }
}
