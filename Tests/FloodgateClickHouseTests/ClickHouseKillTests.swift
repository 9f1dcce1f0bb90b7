// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateClickHouse
import FloodgateTestSupport
import FloodgateWarehouse
import Testing

@Suite("ClickHouse killed at random", .serialized, .timeLimit(.minutes(5))) struct ClickHouseKillTests {
    /// CH-2: 51 kills in all.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func `loads every block once, however often the server is killed`(seed: UInt64) async throws {
        let server = try await ClickHouseServer.started()
        let warehouse = ClickHouseWarehouse(try server.address())
        try await warehouse.prepare()
        var oracle = Oracle()
        var blocks: [EventBlock] = []
        for number in 0..<17 { blocks.append(oracle.block(number, seed: seed, rows: 1_000)) }
        var random = SeededGenerator(seed: seed)
        for block in blocks {
            // From before the first statement to after the last.
            let delay = Duration.microseconds(Int.random(in: 0...60_000, using: &random))
            async let killing: Void = {
                try? await Task.sleep(for: delay)
                server.kill()
                try await server.start()
            }()
            try await load(block, into: warehouse)
            try await killing
        }
        // Whatever was answered before a kill is there after it.
        try await oracle.compare(with: warehouse)
        for block in blocks { #expect(try await !warehouse.load(block)) }
        await warehouse.shutdown()
    }
}

/// Loads until it succeeds, as the loader does.
func load(_ block: EventBlock, into warehouse: ClickHouseWarehouse) async throws {
    let end = ContinuousClock.now + .seconds(60)
    while true {
        do {
            return _ = try await warehouse.load(block)
        } catch {
            guard error.code == .unavailable, ContinuousClock.now < end else { throw error }
            try await Task.sleep(for: .milliseconds(10))
        }
    }
}
