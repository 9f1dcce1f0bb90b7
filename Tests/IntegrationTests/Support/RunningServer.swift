// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import Foundation
import Testing

/// `floodgate serve` or another command that listens, in a process of its own, on loopback, with a data folder of its own.
final class RunningServer: Sendable {
    let folder: TemporaryFolder
    let port: Int
    let child: ChildProcess

    var url: String { "http://127.0.0.1:\(port)" }
    var data: String { folder.path + "/data" }

    private init(folder: TemporaryFolder, port: Int, child: ChildProcess) {
        self.folder = folder
        self.port = port
        self.child = child
    }

    /// Starts a server, where an earlier one was if `folder` and `port` say so, and waits until it is ready.
    static func start(
        in folder: TemporaryFolder? = nil,
        port: Int? = nil,
        command: String = "serve",
        arguments: [String] = ["--demo"],
        awaits path: String = "/readyz"
    ) async throws -> RunningServer {
        let server = try launch(in: folder, port: port, command: command, arguments: arguments)
        let isReady = await eventually(within: 30) {
            guard server.child.isRunning else { return true }
            return (try? await HTTP.send("GET", server.url + path, timeout: 5))?.status == 200
        }
        try #require(isReady && server.child.isRunning, "The server does not get ready: \(server.child.errors)")
        return server
    }

    /// Starts a server without waiting for it.
    static func launch(
        in folder: TemporaryFolder? = nil,
        port: Int? = nil,
        command: String = "serve",
        arguments: [String] = ["--demo"]
    ) throws -> RunningServer {
        let folder = try folder ?? TemporaryFolder()
        let port = try port ?? Loopback.freePort()
        let all = [command, "--data", folder.path + "/data", "--listen", "127.0.0.1:\(port)"] + arguments
        return RunningServer(folder: folder, port: port, child: try ChildProcess(try Program.floodgate(), all))
    }

    /// Ends it as an administrator does; the exit code.
    @discardableResult
    func stop() async -> Int32 {
        child.kill(SIGTERM)
        return await child.exit(within: 30)
    }

    /// Ends it without a chance to do anything.
    func killHard() async {
        child.kill(SIGKILL)
        _ = await child.exit(within: 30)
    }

    /// Whether the disk of this edge comes to hold the state that `server` hands out: what is in use is written down after it
    /// is, so that an edge that is killed at once starts with the state before.
    func keeps(stateOf server: RunningServer, key: String) async -> Bool {
        await eventually(within: 30) {
            let snapshots = data + "/snapshots"
            guard
                let state = try? await HTTP.send("GET", server.url + "/edge/v1/state", ["statsig-api-key": key]),
                state.status == 200, let folders = try? FileManager.default.contentsOfDirectory(atPath: snapshots)
            else { return false }
            return folders.contains {
                FileManager.default.contents(atPath: "\(snapshots)/\($0)/cell.0.json") == Data(state.body)
            }
        }
    }

    /// The first key of `kind`.
    func key(_ kind: String) async throws -> String {
        let outcome = try await Program.floodgate("keys", "list", "--data", data, "--json")
        let keys = try JSONValue(parsing: outcome.output).arrayValue ?? []
        let key = keys.first { $0["kind"]?.stringValue == kind }?["key"]?.stringValue
        return try #require(key, "There is no \(kind) key: \(outcome)")
    }

    /// What `floodgate events count --json` says.
    func eventCount() async throws -> Int64 {
        let outcome = try await Program.floodgate("events", "count", "--data", data, "--json")
        return try #require(try JSONValue(parsing: outcome.output)["events"]?.integerValue, "\(outcome)")
    }

    /// The newest events, oldest first, as `floodgate events tail --json` prints them.
    func events(newest number: Int = 1_000_000) async throws -> [JSONValue] {
        let outcome = try await Program.floodgate(
            "events",
            "tail",
            "--data",
            data,
            "--json",
            "--number",
            String(number)
        )
        #expect(outcome.status == 0, "\(outcome.errors)")
        return try outcome.output.split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    }
}
