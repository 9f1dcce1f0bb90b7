// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateClickHouse
import Foundation
import Synchronization
import Testing

/// A ClickHouse server of the tests' own: on loopback, in a temporary folder, with little memory.
final class ClickHouseServer: Sendable {
    /// Where it listens.
    struct Ports: Sendable {
        var http: Int
        var native: Int
        var interserver: Int

        /// Three that nobody listens on.
        static func free() throws -> Ports {
            let ports = try Loopback.freePorts(3)
            return Ports(http: ports[0], native: ports[1], interserver: ports[2])
        }
    }

    let folder: TemporaryFolder
    let ports: Ports
    private let process = Mutex<ServerProcess?>(nil)

    /// Writes the configuration of a server; `more` is put into it.
    init(ports: Ports? = nil, more: String = "") throws {
        let ports = try ports ?? Ports.free()
        self.ports = ports
        folder = try TemporaryFolder()
        try folder.write(Self.configuration(folder.path, ports, more), to: "config.xml")
        try folder.write(Self.users, to: "users.xml")
    }

    deinit { kill() }

    /// Starts a server and waits until it answers.
    static func started(more: String = "") async throws -> ClickHouseServer {
        let server = try ClickHouseServer(more: more)
        try await server.start()
        return server
    }

    /// An address of this server as the user who loads.
    func address(_ options: String = "") throws -> ClickHouseAddress {
        try ClickHouseAddress("clickhouse://loader:secret@127.0.0.1:\(ports.http)/floodgate\(options)")
    }

    /// Starts the server, again if it was stopped.
    func start() async throws {
        let path = try #require(
            Program.find("clickhouse-server"),
            "There is no clickhouse-server: nothing of this is compared; run Scripts/bootstrap.sh test"
        )
        let process = try ServerProcess(path, ["--config-file=\(folder.path)/config.xml"])
        self.process.withLock { $0 = process }
        // It listens once it has read its tables.
        let isReady = await eventually { !process.isRunning || Loopback.isListening(self.ports.http) }
        try #require(isReady && process.isRunning, "The server does not start: \(folder.text("errors"))")
    }

    /// Ends the server without a chance to do anything.
    func kill() {
        process.withLock { $0 }?.kill()
    }

    private static func configuration(_ folder: String, _ ports: Ports, _ more: String) -> String {
        """
        <?xml version="1.0"?>
        <yandex>
            <logger><level>error</level><log>\(folder)/log</log><errorlog>\(folder)/errors</errorlog></logger>
            <http_port>\(ports.http)</http_port>
            <tcp_port>\(ports.native)</tcp_port>
            <interserver_http_port>\(ports.interserver)</interserver_http_port>
            <interserver_http_host>127.0.0.1</interserver_http_host>
            <listen_host>127.0.0.1</listen_host>
            <path>\(folder)/data/</path>
            <tmp_path>\(folder)/tmp/</tmp_path>
            <users_config>users.xml</users_config>
            <default_profile>default</default_profile>
            <default_database>default</default_database>
            <mark_cache_size>5368709</mark_cache_size>
            <compression><case><method>zstd</method></case></compression>
            \(more)
        </yandex>
        """
    }

    private static let users = """
        <?xml version="1.0"?>
        <yandex>
            <profiles>
                <default><background_pool_size>2</background_pool_size></default>
                <reader><readonly>2</readonly></reader>
            </profiles>
            <quotas><default></default></quotas>
            <users>
                <default>
                    <password></password><networks><ip>127.0.0.1</ip></networks>
                    <profile>default</profile><quota>default</quota>
                </default>
                <loader>
                    <password>secret</password><networks><ip>127.0.0.1</ip></networks>
                    <profile>default</profile><quota>default</quota>
                </loader>
                <reader>
                    <password>p@ss</password><networks><ip>127.0.0.1</ip></networks>
                    <profile>reader</profile><quota>default</quota>
                </reader>
            </users>
        </yandex>
        """
}
