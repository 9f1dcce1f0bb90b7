// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Packers for any number of tasks: each has one to itself while it packs, and leaves it for the next.
package final class BatchPackerPool: Sendable {
    // SAFETY: a packer is in the list or with one caller of `pack`, never both.
    private struct Idle: @unchecked Sendable {
        let packer: BatchPacker
    }

    private let idle = Mutex<[Idle]>([])
    private let most: Int

    /// Makes a pool that keeps at most `most` packers that nobody uses.
    package init(keeping most: Int = 16) { self.most = most }

    /// Unpacks, checks and packs the events of `request`.
    /// - Throws: what `BatchPacker.pack` throws.
    package func pack(_ request: IntakeRequest, limits: IntakeLimits) throws -> PackedBatch {
        try withPacker { try $0.pack(request, limits: limits) }
    }

    /// Packs `request` if it is short and nothing has to be left out of it; nil for all others.
    package func packClean(_ request: IntakeRequest, limits: IntakeLimits) -> PackedBatch? {
        try? withPacker { try $0.packClean(request, limits: limits) }
    }

    private func withPacker<Packed>(_ body: (BatchPacker) throws -> Packed) throws -> Packed {
        let taken = try idle.withLock { $0.popLast() } ?? Idle(packer: BatchPacker())
        defer {
            idle.withLock { idle in
                if idle.count < most { idle.append(taken) }
            }
        }
        return try body(taken.packer)
    }
}
