// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Waits on the machine's clock, also where `Task.sleep` would stop the program: the library behind its timers traps if
/// there are no file descriptors when it first needs some, which it then keeps.
enum SystemSleep {
    /// More than the timers need.
    private static let descriptors = 8
    private static let step: Duration = .milliseconds(50)
    private static let hasTimers = Mutex(false)

    /// Waits; throws when the task is cancelled.
    static func sleep(for duration: Duration) async throws {
        var rest = duration
        while !makesTimers() {
            guard rest > .zero else { return }
            try Task.checkCancellation()
            let pause = min(rest, step)
            await withCheckedContinuation { continuation in
                DispatchQueue.global().async {
                    usleep(UInt32(clamping: pause.nanoseconds / 1000))
                    continuation.resume()
                }
            }
            rest -= pause
        }
        try await Task.sleep(for: rest)
    }

    private static func makesTimers() -> Bool {
        hasTimers.withLock { hasTimers in
            if !hasTimers { hasTimers = FileDescriptors.areLeft(descriptors) }
            return hasTimers
        }
    }
}
