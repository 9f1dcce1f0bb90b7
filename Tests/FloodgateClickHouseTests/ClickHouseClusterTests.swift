// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateClickHouse
import FloodgateTestSupport
import FloodgateWarehouse
import Foundation
import Testing

/// Two shards of two replicas and a ZooKeeper, which is much for a small machine: `make cluster-check` runs it.
@Suite(
    "ClickHouse cluster",
    .serialized,
    .timeLimit(.minutes(5)),
    .enabled(if: ProcessInfo.processInfo.environment["FLOODGATE_TEST_CLUSTER"] != nil, "make cluster-check runs it")
)
struct ClickHouseClusterTests {
    @Test func `keeps the promises of a warehouse`() async throws {
        let cluster = try await ClickHouseCluster.started()
        let warehouse = ClickHouseWarehouse(try cluster.address())
        try await checkWarehouse(warehouse, form: .packed)
        await warehouse.shutdown()
    }

    /// CH-2, CH-3: each replica goes and comes; loading and asking go on with the others.
    @Test func `goes on without a replica`() async throws {
        let cluster = try await ClickHouseCluster.started()
        let warehouse = ClickHouseWarehouse(try cluster.address())
        try await warehouse.prepare()
        var oracle = Oracle()
        var random = SeededGenerator(seed: 5)
        for (place, victim) in cluster.servers.enumerated() {
            for number in place * 4..<place * 4 + 4 {
                let block = oracle.block(number, seed: 5, rows: 400)
                let delay = Duration.microseconds(Int.random(in: 0...100_000, using: &random))
                async let killing: Void = {
                    guard number % 4 == 1 else { return }
                    try? await Task.sleep(for: delay)
                    victim.kill()
                }()
                for _ in 1...3 { try await load(block, into: warehouse) }
                await killing
                let answer = try await warehouse.query(
                    "SELECT count(*) AS n FROM \(warehouse.relation(.events))",
                    limits: QueryLimits()
                )
                #expect(answer.count == 1)
                _ = try await warehouse.status()
            }
            try await victim.start()
            try await oracle.compareSettled(with: warehouse)
        }
        // Every server answers for all.
        for place in 0..<4 {
            let one = ClickHouseWarehouse(try cluster.address([place]))
            try await oracle.compareSettled(with: one)
            await one.shutdown()
        }
        await warehouse.shutdown()
    }
}
