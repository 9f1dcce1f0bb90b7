// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateClickHouse
import Foundation
import Synchronization
import Testing

/// A current ClickHouse in a process (Current/serve.py), alone or as a replica of one shard.
final class CurrentServer: Sendable {
    /// The Python that has chdb.
    static var python: String? { ProcessInfo.processInfo.environment["FLOODGATE_CHDB"] }

    private static let source = URL(fileURLWithPath: #filePath).deletingLastPathComponent().path + "/Current"

    let port: Int
    private let replicas: [Int]
    private let folder: TemporaryFolder
    private let process = Mutex<ServerProcess?>(nil)

    private init(port: Int, replicas: [Int] = []) throws {
        self.port = port
        self.replicas = replicas
        folder = try TemporaryFolder()
    }

    deinit { kill() }

    /// A server of its own.
    static func started() async throws -> CurrentServer {
        let server = try CurrentServer(port: try Loopback.freePorts(1)[0])
        try await server.start()
        return server
    }

    /// Replicas of one shard, none of which runs; each knows itself alone by ClickHouse's own protocol, which the engine in a
    /// process does not speak.
    static func replicas(_ count: Int, _ keeper: Keeper) throws -> [CurrentServer] {
        let ports = try Loopback.freePorts(count)
        return try ports.enumerated().map { place, port in
            let server = try CurrentServer(port: port, replicas: [port] + ports.filter { $0 != port })
            try server.folder.write(
                """
                <clickhouse>
                    <tcp_port>\(port)</tcp_port>
                    <remote_servers><main><shard><internal_replication>true</internal_replication>
                        <replica><host>127.0.0.1</host><port>\(port)</port></replica>
                    </shard></main></remote_servers>
                    <zookeeper><node><host>127.0.0.1</host><port>\(keeper.port)</port></node></zookeeper>
                    <macros><shard>0</shard><replica>\(place)</replica></macros>
                </clickhouse>
                """,
                to: "config.xml"
            )
            return server
        }
    }

    /// Starts the server, again if it was stopped.
    func start() async throws {
        let python = try #require(Self.python)
        let words = ["-B", Self.source + "/serve.py", String(port), folder.path] + replicas.map(String.init)
        let process = try ServerProcess(python, words)
        self.process.withLock { $0 = process }
        let isReady = await eventually { !process.isRunning || Loopback.isListening(self.port) }
        try #require(isReady && process.isRunning, "\(python) does not serve ClickHouse; has it the package chdb?")
    }

    /// Has the server not let anybody ask other replicas through it; statements for all of them still go there.
    func keepToItself() throws { try folder.write("", to: "alone") }

    /// Ends the server without a chance to do anything.
    func kill() { process.withLock { $0 }?.kill() }

    /// An address of this server; in a cluster of others too.
    func address(_ others: [CurrentServer] = []) throws -> ClickHouseAddress {
        let hosts = ([self] + others).map { "127.0.0.1:\($0.port)" }.joined(separator: ",")
        return try ClickHouseAddress("clickhouse://\(hosts)/floodgate\(replicas.isEmpty ? "" : "?cluster=main")")
    }

    /// What the server answers to a statement; an error fails the test.
    @discardableResult
    func run(_ statement: String) throws -> [String] {
        let head = "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: \(statement.utf8.count)\r\n\r\n"
        let answer = Loopback.answer(port, to: head + statement)
        let body = answer.firstRange(of: "\r\n\r\n").map { String(answer[$0.upperBound...]) } ?? ""
        try #require(answer.hasPrefix("HTTP/1.1 200"), "\(statement): \(body)")
        return body.split(separator: "\n").map(String.init)
    }

    /// The codec of each column of the tables with rows, as `table.column codec`.
    func codecs() throws -> Set<String> {
        Set(
            try run(
                "SELECT concat(replaceOne(table, '_local', ''), '.', name, ' ', compression_codec) FROM system.columns "
                    + "WHERE database = 'floodgate' AND (table NOT LIKE 'blocks%') AND \(rows)"
            )
        )
    }

    /// Makes the tables as the first build and then `change` made them, or as it did on 18.16, which has no codecs and no kind
    /// for words.
    func makeFirstTables(isOld: Bool = false, changing change: (String) -> String = { $0 }) throws {
        let text = try String(contentsOfFile: Self.source + "/first.sql", encoding: .utf8)
        try run("CREATE DATABASE floodgate")
        for line in text.split(separator: "\n") where line.hasPrefix("CREATE") {
            var line = change(String(line))
            if isOld {
                line = line.replacing(" CODEC(Delta, ZSTD(1))", with: "").replacing(" CODEC(ZSTD(1))", with: "")
                    .replacing("LowCardinality(String)", with: "String")
            }
            let table = String(line.split(separator: " ")[2].dropFirst("floodgate.".count))
            guard !replicas.isEmpty else {
                try run(line)
                continue
            }
            let path = "'/clickhouse/tables/{shard}/floodgate/\(table)', '{replica}'"
            try run(
                line.replacing("floodgate.\(table) ", with: "floodgate.\(table)_local ")
                    .replacing("ENGINE = MergeTree", with: "ENGINE = ReplicatedMergeTree(\(path))")
            )
            let columns = line[..<(line.firstRange(of: " ENGINE")?.lowerBound ?? line.endIndex)]
            let shard = table == "blocks" ? "cityHash64(block)" : "cityHash64(environment, position)"
            try run("\(columns) ENGINE = Distributed(`main`, floodgate, \(table)_local, \(shard))")
        }
    }

    private var rows: String { replicas.isEmpty ? "1" : "table LIKE '%\\_local'" }
}
