// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateClickHouse
import FloodgateJSON
import FloodgateWarehouse
import Foundation
import Testing

@Suite("ClickHouse warehouse", .serialized, .timeLimit(.minutes(5))) struct ClickHouseWarehouseTests {
    /// On the server that `FLOODGATE_CLICKHOUSE` names, if it does, for releases that are not installed here.
    @Test(arguments: [RowForm.lines, .packed]) func `keeps the promises of a warehouse`(form: RowForm) async throws {
        let server = try ClickHouseServer()
        var address = try server.address()
        if let other = ProcessInfo.processInfo.environment["FLOODGATE_CLICKHOUSE"] {
            address = try ClickHouseAddress(other)
        } else {
            try await server.start()
        }
        let warehouse = ClickHouseWarehouse(address)
        try await checkWarehouse(warehouse, form: form)
        await warehouse.shutdown()
    }

    /// CH-3: each block three times, at the same time as well as one after the other.
    @Test func `counts what an oracle counts, however often blocks are loaded`() async throws {
        let server = try await ClickHouseServer.started()
        let warehouse = ClickHouseWarehouse(try server.address("?reader=reader:p%40ss"))
        try await warehouse.prepare()
        var oracle = Oracle()
        var blocks: [EventBlock] = []
        for number in 0..<6 { blocks.append(oracle.block(number, seed: 7)) }
        for round in 0..<3 {
            for block in round == 1 ? blocks.reversed() : blocks {
                let isNew = try await warehouse.load(block)
                #expect(isNew == (round == 0))
            }
        }
        try await oracle.compare(with: warehouse)
        await warehouse.shutdown()
    }

    @Test func `leaves nothing to readers that changes anything`() async throws {
        let server = try await ClickHouseServer.started()
        for options in ["", "?reader=reader:p%40ss"] {
            let warehouse = ClickHouseWarehouse(try server.address(options))
            try await warehouse.prepare()
            for sql in ["DROP TABLE floodgate.events", "INSERT INTO floodgate.blocks (block) VALUES ('x')"] {
                let error = await #expect(throws: WarehouseError.self) {
                    try await warehouse.query(sql, limits: QueryLimits())
                }
                #expect(error?.code == .rejected, "\(sql): \(error?.message ?? "")")
            }
            await warehouse.shutdown()
        }
    }

    @Test func `stops questions at their limits`() async throws {
        let server = try await ClickHouseServer.started()
        let warehouse = ClickHouseWarehouse(try server.address())
        var limits = QueryLimits()
        limits.memoryBytes = 20 << 20
        await expect(.limit, "memory") {
            _ = try await warehouse.query("SELECT uniqExact(number) AS n FROM system.numbers LIMIT 1", limits: limits)
        }
        limits = QueryLimits()
        limits.time = .seconds(1)
        await expect(.limit, "time") {
            _ = try await warehouse.query("SELECT count() AS n FROM system.numbers", limits: limits)
        }
        await warehouse.shutdown()
    }

    @Test func `says that nobody is there, and goes on when somebody is`() async throws {
        let server = try ClickHouseServer()
        let warehouse = ClickHouseWarehouse(try server.address())
        await expect(.unavailable, "no server") { try await warehouse.prepare() }
        try await server.start()
        try await warehouse.prepare()
        var oracle = Oracle()
        let block = oracle.block(0, seed: 1)
        server.kill()
        await expect(.unavailable, "server gone") { _ = try await warehouse.load(block) }
        try await server.start()
        #expect(try await warehouse.load(block))
        try await oracle.compare(with: warehouse)
        await warehouse.shutdown()
    }

    @Test func `does not take a wrong password for a bad row`() async throws {
        let server = try await ClickHouseServer.started()
        let address = try ClickHouseAddress("clickhouse://loader:wrong@127.0.0.1:\(server.ports.http)")
        let warehouse = ClickHouseWarehouse(address)
        await expect(.failed, "password") {
            _ = try await warehouse.load(SampleBlock.make("a", tables: [.events: 1...1]))
        }
        await warehouse.shutdown()
    }
}

/// Expects `work` to fail with `code`.
func expect(_ code: WarehouseError.Code, _ what: String, _ work: () async throws -> Void) async {
    let error = await #expect(throws: WarehouseError.self) { try await work() }
    #expect(error?.code == code, "\(what): \(error?.message ?? "")")
}
