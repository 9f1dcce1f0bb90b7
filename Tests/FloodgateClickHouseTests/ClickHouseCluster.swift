// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateClickHouse
import Foundation
import Synchronization
import Testing

/// Two shards of two replicas each, with ZooKeeper, on loopback.
final class ClickHouseCluster: Sendable {
    /// Both replicas of the first shard, then both of the second.
    let servers: [ClickHouseServer]
    private let keeper: Keeper

    private init(servers: [ClickHouseServer], keeper: Keeper) {
        self.servers = servers
        self.keeper = keeper
    }

    /// Starts all of it and waits until every server answers.
    static func started() async throws -> ClickHouseCluster {
        let keeper = try Keeper()
        let all = try (0..<4).map { _ in try ClickHouseServer.Ports.free() }
        let shards = [all[0..<2], all[2..<4]].map { replicas in
            let list = replicas.map { "<replica><host>127.0.0.1</host><port>\($0.native)</port></replica>" }
            return "<shard><internal_replication>true</internal_replication>\(list.joined())</shard>"
        }
        let servers = try all.enumerated().map { place, ports in
            try ClickHouseServer(
                ports: ports,
                more: """
                    <remote_servers><main>\(shards.joined())</main></remote_servers>
                    <zookeeper><node><host>127.0.0.1</host><port>\(keeper.port)</port></node></zookeeper>
                    <macros><shard>\(place / 2)</shard><replica>\(place % 2)</replica></macros>
                    <distributed_ddl><path>/clickhouse/task_queue/ddl</path></distributed_ddl>
                    """
            )
        }
        try await keeper.start()
        // One after the other: 18.16 does not survive it when another one makes the same nodes in ZooKeeper.
        for server in servers { try await server.start() }
        return ClickHouseCluster(servers: servers, keeper: keeper)
    }

    /// The cluster's address, with all its servers in this order.
    func address(_ order: [Int] = [0, 1, 2, 3], _ options: String = "") throws -> ClickHouseAddress {
        let hosts = order.map { "127.0.0.1:\(servers[$0].ports.http)" }.joined(separator: ",")
        return try ClickHouseAddress("clickhouse://\(hosts)/floodgate?cluster=main\(options)")
    }
}

/// One ZooKeeper.
final class Keeper: Sendable {
    let port: Int
    private let folder: TemporaryFolder
    private let process = Mutex<ServerProcess?>(nil)

    init() throws {
        port = try Loopback.freePorts(1)[0]
        folder = try TemporaryFolder()
        let settings = """
            clientPort=\(port)
            clientPortAddress=127.0.0.1
            dataDir=\(folder.path)/data
            admin.enableServer=false
            tickTime=1000
            forceSync=no
            """
        try folder.write(settings, to: "zoo.cfg")
    }

    /// One that serves.
    static func started() async throws -> Keeper {
        let keeper = try Keeper()
        try await keeper.start()
        return keeper
    }

    func start() async throws {
        let java = try #require(Program.find("java"), "There is no java: no cluster is tested; install zookeeper")
        let process = try ServerProcess(
            java,
            [
                "-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp",
                "/etc/zookeeper/conf:/usr/share/java/zookeeper.jar",
                "org.apache.zookeeper.server.ZooKeeperServerMain", folder.path + "/zoo.cfg",
            ]
        )
        self.process.withLock { $0 = process }
        // It listens before it serves, and 18.16 does not survive that. Who asks too early may never be answered.
        let isReady = await eventually {
            !process.isRunning || Loopback.answer(self.port, to: "srvr", patience: 1).hasPrefix("Zookeeper version")
        }
        try #require(isReady && process.isRunning, "ZooKeeper does not start")
    }
}
