// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateWarehouse

/// Lets a few questions through at a time, so that loading is never starved by them.
actor QueryGate {
    private static let places = 8
    private static let queueLength = 32
    private static let patience: Duration = .seconds(10)

    private var free = places
    private var waiting: [(id: UInt64, turn: CheckedContinuation<Bool, Never>)] = []
    private var lastID: UInt64 = 0

    /// Waits for a place; whoever gets one must leave.
    /// - Throws: `.unavailable` if too many wait already, or after ten seconds.
    func enter() async throws(WarehouseError) {
        if free > 0 {
            free -= 1
            return
        }
        guard waiting.count < Self.queueLength else {
            throw WarehouseError(.unavailable, "Too many questions wait for ClickHouse; ask again later")
        }
        lastID &+= 1
        let id = lastID
        let hasPlace = await withTaskGroup(of: Void.self) { group in
            group.addTask {
                // Cancelled once it is this question's turn.
                try? await Task.sleep(for: Self.patience)
                await self.giveUp(id)
            }
            defer { group.cancelAll() }
            return await withCheckedContinuation { waiting.append((id, $0)) }
        }
        guard hasPlace else {
            throw WarehouseError(.unavailable, "ClickHouse was busy with other questions for \(Self.patience)")
        }
    }

    /// Gives the place to who waits longest.
    func leave() {
        if waiting.isEmpty {
            free += 1
        } else {
            waiting.removeFirst().turn.resume(returning: true)
        }
    }

    private func giveUp(_ id: UInt64) {
        guard let place = waiting.firstIndex(where: { $0.id == id }) else { return }
        waiting.remove(at: place).turn.resume(returning: false)
    }
}
