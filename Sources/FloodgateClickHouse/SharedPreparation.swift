// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateWarehouse

/// What has to succeed once for all who need it, however many ask: a loader for each partition does.
actor SharedPreparation {
    private var isDone = false
    private var isRunning = false
    private var waiting: [CheckedContinuation<Result<Void, WarehouseError>, Never>] = []

    /// Runs `body` unless that has succeeded before; who comes while it runs shares what becomes of it.
    /// - Throws: What `body` throws; then it runs again for whoever asks next.
    func once(_ body: @Sendable () async throws(WarehouseError) -> Void) async throws(WarehouseError) {
        if isDone { return }
        if isRunning {
            return try await withCheckedContinuation { waiting.append($0) }.get()
        }
        isRunning = true
        let result: Result<Void, WarehouseError>
        do {
            try await body()
            result = .success(())
            isDone = true
        } catch {
            result = .failure(error)
        }
        isRunning = false
        for waiter in waiting { waiter.resume(returning: result) }
        waiting = []
        try result.get()
    }
}
