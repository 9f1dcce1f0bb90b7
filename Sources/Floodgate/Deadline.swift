// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Runs `work` and gives up on it after `limit`, or when the task is cancelled: it is cancelled then, and nil returned
/// as soon as it has noticed.
func withDeadline<Result: Sendable>(
    _ limit: Duration,
    _ timing: Timing,
    _ work: @escaping @Sendable () async -> Result
) async -> Result? {
    await withTaskGroup(of: Result?.self) { group in
        group.addTask { await work() }
        group.addTask {
            _ = await timing.pause(limit)
            return nil
        }
        let first = await group.next() ?? nil
        group.cancelAll()
        return first
    }
}
