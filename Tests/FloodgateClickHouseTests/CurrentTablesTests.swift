// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateClickHouse
import FloodgateWarehouse
import Synchronization
import Testing

/// On a current ClickHouse, which Debian does not have: `make cluster-check` brings it.
@Suite(
    "Current ClickHouse",
    .serialized,
    .timeLimit(.minutes(5)),
    .enabled(if: CurrentServer.python != nil, "make cluster-check runs it")
)
struct CurrentTablesTests {
    @Test(arguments: [RowForm.lines, .packed]) func `keeps the promises of a warehouse`(form: RowForm) async throws {
        let server = try await CurrentServer.started()
        let warehouse = ClickHouseWarehouse(try server.address())
        try await checkWarehouse(warehouse, form: form)
        await warehouse.shutdown()
    }

    @Test(arguments: [false, true])
    func `gives tables of the first build today's codecs, and keeps their rows`(isOld: Bool) async throws {
        let today = try await today()
        let server = try await CurrentServer.started()
        try server.makeFirstTables(isOld: isOld)
        var oracle = Oracle()
        try server.run(
            "INSERT INTO floodgate.blocks (day, block, part, entries) VALUES ('2024-05-01', 'n1-9', -1, -1)"
        )
        #expect(try server.codecs() != today)
        let warehouse = ClickHouseWarehouse(try server.address(), warn: Self.fail)
        try await warehouse.prepare()
        #expect(try server.codecs() == today)
        #expect(try server.run("SELECT count() FROM system.mutations") == ["0"], "no file is rewritten")
        #expect(try server.run("SELECT block FROM floodgate.blocks") == ["n1-9"])
        _ = try await warehouse.load(oracle.block(0, seed: 1))
        try await oracle.compare(with: warehouse)
        await warehouse.shutdown()
    }

    @Test func `leaves codecs that somebody else chose`() async throws {
        let server = try await CurrentServer.started()
        try server.makeFirstTables()
        try server.run(
            "ALTER TABLE floodgate.events MODIFY COLUMN user CODEC(ZSTD(9)), MODIFY COLUMN time CODEC(LZ4)"
        )
        let warehouse = ClickHouseWarehouse(try server.address(), warn: Self.fail)
        try await warehouse.prepare()
        let codecs = try server.codecs()
        #expect(codecs.contains("events.user CODEC(ZSTD(9))"))
        #expect(codecs.contains("events.time CODEC(LZ4)"))
        #expect(codecs.contains("events.received_at CODEC(T64, ZSTD(1))"))
        await warehouse.shutdown()
    }

    @Test func `refuses tables that would take values for others`() async throws {
        let server = try await CurrentServer.started()
        try server.makeFirstTables()
        try server.run("ALTER TABLE floodgate.events MODIFY COLUMN position Int32")
        let warehouse = ClickHouseWarehouse(try server.address())
        await expect(.failed, "narrow") { try await warehouse.prepare() }
        try server.run(
            "ALTER TABLE floodgate.events MODIFY COLUMN position Int64, MODIFY COLUMN user LowCardinality(String)"
        )
        try await warehouse.prepare()
        try server.run("ALTER TABLE floodgate.events DROP COLUMN user")
        try await warehouse.prepare()
        let later = ClickHouseWarehouse(try server.address())
        await expect(.failed, "missing") { try await later.prepare() }
        await later.shutdown()
        await warehouse.shutdown()
    }

    @Test func `goes on with tables that cannot be changed, and says so`() async throws {
        let server = try await CurrentServer.started()
        try server.makeFirstTables()
        // An engine that changes nothing, as if nobody had the right to.
        try server.run("CREATE TABLE floodgate.stiff AS floodgate.events ENGINE = Log")
        try server.run("EXCHANGE TABLES floodgate.events AND floodgate.stiff")
        let warnings = Mutex<[String]>([])
        let warehouse = ClickHouseWarehouse(try server.address()) { text in warnings.withLock { $0.append(text) } }
        try await warehouse.prepare()
        #expect(warnings.withLock { $0 }.count == 1)
        #expect(try server.codecs().contains("exposures.time CODEC(T64, ZSTD(1))"), "the other tables are changed")
        var oracle = Oracle()
        _ = try await warehouse.load(oracle.block(0, seed: 1))
        try await oracle.compare(with: warehouse)
        await warehouse.shutdown()
    }

    @Test func `lets several start at once`() async throws {
        let today = try await today()
        let server = try await CurrentServer.started()
        try server.makeFirstTables()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<4 {
                group.addTask {
                    let warehouse = ClickHouseWarehouse(try server.address(), warn: Self.fail)
                    try await warehouse.prepare()
                    await warehouse.shutdown()
                }
            }
            try await group.waitForAll()
        }
        #expect(try server.codecs() == today)
    }

    // MARK: A shard of two replicas

    // Replicas of an engine in a process are read-only: they join or are refused as others are, but nobody can alter them.
    // So a replica that joins here meets tables that stay as they are.

    @Test(arguments: [0, 1]) func `has a replica join a shard of an earlier build`(asked: Int) async throws {
        try await join(asking: asked) { $0 }
    }

    @Test func `has a replica join a shard whose tables somebody changed`() async throws {
        try await join(asking: 1) {
            $0.replacing(", user String CODEC(ZSTD(1))", with: ", user String CODEC(ZSTD(9)), note String DEFAULT 'x'")
                .replacing(" SETTINGS fsync", with: " TTL day + INTERVAL 10 YEAR SETTINGS fsync")
        }
    }

    /// As when one of them hangs, does not know the password, or nobody may ask it.
    @Test func `prepares a cluster whose replicas cannot all be asked, once for all loaders`() async throws {
        let keeper = try await Keeper.started()
        let replicas = try CurrentServer.replicas(2, keeper)
        for replica in replicas { try await replica.start() }
        try replicas[0].keepToItself()
        let warnings = Mutex<[String]>([])
        let warehouse = ClickHouseWarehouse(try replicas[0].address()) { text in warnings.withLock { $0.append(text) } }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { try await warehouse.prepare() } }
            try await group.waitForAll()
        }
        #expect(warnings.withLock { $0 }.count == 1)
        #expect(try replicas[1].run("SELECT count() FROM system.tables WHERE database = 'floodgate'") == ["8"])
        await warehouse.shutdown()
    }

    /// Has a second replica join one with tables as the first build and `change` made them; whoever is asked, both have the
    /// same tables then.
    private func join(asking asked: Int, changing change: (String) -> String) async throws {
        let keeper = try await Keeper.started()
        let replicas = try CurrentServer.replicas(2, keeper)
        try await replicas[0].start()
        try replicas[0].makeFirstTables(changing: change)
        let before = try replicas[0].codecs()
        try await replicas[1].start()
        let warnings = Mutex<[String]>([])
        let warehouse = ClickHouseWarehouse(try replicas[asked].address()) { text in
            warnings.withLock { $0.append(text) }
        }
        try await warehouse.prepare()
        #expect(try replicas[0].codecs() == before)
        #expect(try replicas[1].codecs() == before)
        let names = "SELECT name FROM system.tables WHERE database = 'floodgate' ORDER BY name"
        let joined = try replicas[1].run(names)
        #expect(joined == (try replicas[0].run(names)))
        #expect(joined.count == 8)
        #expect(warnings.withLock { $0 }.count == 1, "of codecs, not of the replica")
        await warehouse.shutdown()
    }

    /// What the tables of a new database have.
    private func today() async throws -> Set<String> {
        let server = try await CurrentServer.started()
        let warehouse = ClickHouseWarehouse(try server.address())
        try await warehouse.prepare()
        let codecs = try server.codecs()
        await warehouse.shutdown()
        #expect(codecs.contains("events.time CODEC(T64, ZSTD(1))"))
        return codecs
    }

    private static let fail: @Sendable (String) -> Void = { Issue.record("\($0)") }
}
