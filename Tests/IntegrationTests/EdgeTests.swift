// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import Foundation
import Testing

/// `floodgate edge`, in front of a server that comes and goes.
@Suite("Edges") struct EdgeTests {
    /// A server, and what edges need to follow it.
    private struct Origin {
        let server: RunningServer
        let edgeKey: String
        let rootKey: String
        let serverKey: String

        init(_ server: RunningServer) async throws {
            self.server = server
            edgeKey = try await Program.text("keys", "create", "edge", "--data", server.data)
            let signing = try await Program.text("signing", "show", "--data", server.data)
            rootKey = try #require(
                signing.split(separator: "\n").first { $0.hasPrefix("Root key") }?.split(separator: " ").last
            )
            .description
            serverKey = try await server.key("server")
        }

        func edge(
            of upstream: String? = nil,
            in folder: TemporaryFolder? = nil,
            rootKey: String? = nil,
            awaits path: String = "/readyz"
        ) async throws -> RunningServer {
            try await RunningServer.start(
                in: folder,
                command: "edge",
                arguments: [
                    "--upstream", upstream ?? server.url, "--key", edgeKey, "--root-key", rootKey ?? self.rootKey,
                ],
                awaits: path
            )
        }

        /// The document that `server` hands out, or its status.
        func document(of server: RunningServer, key: String? = nil) async throws -> String {
            let answer = try await HTTP.send(
                "GET",
                "\(server.url)/v2/download_config_specs/\(key ?? serverKey).json"
            )
            return answer.status == 200 ? answer.text : String(answer.status)
        }

        /// Switches a gate off, and waits until the server hands that out.
        func disable(_ gate: String) async throws {
            let before = try await document(of: server)
            _ = try await Program.text("gate", "disable", gate, "--data", server.data, "--reason", "test")
            #expect(await eventually(within: 20) { (try? await document(of: server)) != before })
        }

        /// Whether `edge` comes to serve what the server serves.
        func agrees(_ edge: RunningServer) async -> Bool {
            await eventually(within: 20) {
                guard let here = try? await document(of: server), let there = try? await document(of: edge) else {
                    return false
                }
                return here == there
            }
        }
    }

    @Test func `serve byte by byte what the server does, and so do edges of edges`() async throws {
        let origin = try await Origin(try await RunningServer.start())
        let edge = try await origin.edge()
        let second = try await origin.edge(of: edge.url)
        #expect(try await origin.document(of: edge) == origin.document(of: origin.server))
        try await origin.disable("new_checkout")
        #expect(await origin.agrees(edge))
        #expect(await origin.agrees(second))
        #expect(try await origin.document(of: second).contains("new_checkout"))
        for running in [second, edge, origin.server] { #expect(await running.stop() == 0) }
    }

    @Test func `go on without the server, start from the disk without it, and catch up when it is back`() async throws {
        let origin = try await Origin(try await RunningServer.start())
        let edge = try await origin.edge()
        let document = try await origin.document(of: edge)
        #expect(await edge.keeps(stateOf: origin.server, key: origin.edgeKey))
        await origin.server.killHard()
        #expect(try await origin.document(of: edge) == document)
        #expect(try await HTTP.send("GET", edge.url + "/readyz").status == 200)
        await edge.killHard()
        let again = try await origin.edge(in: edge.folder)
        #expect(try await origin.document(of: again) == document)

        let back = try await RunningServer.start(in: origin.server.folder, port: origin.server.port)
        try await origin.disable("new_checkout")
        #expect(await origin.agrees(again))
        #expect(try await origin.document(of: again) != document)
        for running in [again, back] { await running.stop() }
    }

    @Test func `use the older generation when the newer one is damaged, and nothing that is not whole`() async throws {
        let origin = try await Origin(try await RunningServer.start())
        let edge = try await origin.edge()
        let first = try await origin.document(of: edge)
        try await origin.disable("new_checkout")
        #expect(await origin.agrees(edge))
        #expect(await edge.keeps(stateOf: origin.server, key: origin.edgeKey))
        await edge.stop()
        await origin.server.stop()
        let folder = try #require(try FileManager.default.contentsOfDirectory(atPath: edge.data + "/snapshots").first)
        let path = "\(edge.data)/snapshots/\(folder)"
        let newest = URL(filePath: path + "/cell.0.json")
        let good = try Data(contentsOf: newest)
        try good.prefix(good.count / 2).write(to: newest)
        let older = try await origin.edge(in: edge.folder)
        #expect(try await origin.document(of: older) == first)
        await older.stop()
        #expect(try FileManager.default.contentsOfDirectory(atPath: path).contains { $0.contains(".corrupt-") })

        for name in try FileManager.default.contentsOfDirectory(atPath: path) where name.hasSuffix(".json") {
            try Data("{}".utf8).write(to: URL(filePath: "\(path)/\(name)"))
        }
        let empty = try await origin.edge(in: edge.folder, awaits: "/livez")
        #expect(try await HTTP.send("GET", empty.url + "/readyz").status == 503)
        #expect(try await origin.document(of: empty) == "503", "nobody knows whether the key is good")
        for path in ["", "/kill", "/manifest", "/stream"] {
            // Caches would keep a 404 in the place of what they have.
            let answer = try await HTTP.send("GET", "\(empty.url)/delivery/v1/fgd_any\(path)")
            #expect(answer.status == 503 && answer.headers["cache-control"] == "no-store")
        }
        await empty.stop()
    }

    @Test func `take nothing that the root key does not vouch for`() async throws {
        let origin = try await Origin(try await RunningServer.start())
        let stranger = String(repeating: "A", count: 43) + "="
        let edge = try await origin.edge(rootKey: stranger, awaits: "/livez")
        let isRefused = await eventually(within: 20) {
            let metrics = try? await HTTP.send("GET", edge.url + "/metrics").text
            return metrics?.contains("snapshot_rejected_total{reason=\"key_set\"}") ?? false
        }
        #expect(isRefused)
        #expect(try await HTTP.send("GET", edge.url + "/readyz").status == 503)
        for running in [edge, origin.server] { await running.stop() }
    }

    @Test func `refuse what is older than what they hold, and take a restored backup in a new epoch`() async throws {
        let origin = try await Origin(try await RunningServer.start())
        let backup = try TemporaryFolder()
        let edge = try await origin.edge()
        await origin.server.stop()
        let (data, copy) = (URL(filePath: origin.server.data), URL(filePath: backup.path + "/data"))
        try FileManager.default.copyItem(at: data, to: copy)
        let running = try await RunningServer.start(in: origin.server.folder, port: origin.server.port)
        try await origin.disable("new_checkout")
        #expect(await origin.agrees(edge))
        let newest = try await origin.document(of: edge)
        await running.stop()

        // All of the folder is old, the record of what was signed, too: nobody can tell, so it must not win.
        let stale = try await RunningServer.start(in: backup, port: origin.server.port)
        let isRefused = await eventually(within: 20) {
            let metrics = try? await HTTP.send("GET", edge.url + "/metrics").text
            return metrics?.contains("snapshot_rejected_total{reason=\"older\"}") ?? false
        }
        #expect(isRefused)
        #expect(try await origin.document(of: edge) == newest)
        await stale.stop()

        // With the record of what was signed last, the server sees that it was set back.
        let record = URL(filePath: backup.path + "/data/signing.json")
        try FileManager.default.removeItem(at: record)
        try FileManager.default.copyItem(at: URL(filePath: origin.server.data + "/signing.json"), to: record)
        let restored = try await RunningServer.start(in: backup, port: origin.server.port)
        let isTaken = await eventually(within: 20) { (try? await origin.document(of: edge)) != newest }
        #expect(isTaken)
        for running in [restored, edge] { await running.stop() }
    }

    @Test func `refuse keys that the server has revoked, and take new ones`() async throws {
        let origin = try await Origin(try await RunningServer.start())
        let edge = try await origin.edge()
        let key = try await Program.text("keys", "create", "server", "--data", origin.server.data)
        #expect(
            await eventually(within: 20) { (try? await origin.document(of: edge, key: key))?.hasPrefix("{") ?? false }
        )
        _ = try await Program.text("keys", "revoke", key, "--data", origin.server.data)
        #expect(await eventually(within: 20) { (try? await origin.document(of: edge, key: key)) == "403" })
        for running in [edge, origin.server] { await running.stop() }
    }

    @Test func `go on when the keys that sign are rotated and revoked, also from the disk`() async throws {
        let origin = try await Origin(try await RunningServer.start())
        let edge = try await origin.edge()
        /// Whether the edge hears of a key that is made now.
        func hears() async throws -> Bool {
            let key = try await Program.text("keys", "create", "server", "--data", origin.server.data)
            return await eventually(within: 20) {
                (try? await origin.document(of: edge, key: key))?.hasPrefix("{") ?? false
            }
        }
        let first = try #require(
            try await Program.text("signing", "show", "--data", origin.server.data).split(separator: "\n").last
        ).prefix(16)
        let second = try await Program.text("signing", "rotate", "--data", origin.server.data)
        #expect(try await hears())
        _ = try await Program.text("signing", "revoke", String(first), "--data", origin.server.data)
        #expect(try await hears())
        _ = try await Program.text("signing", "revoke", second, "--data", origin.server.data)
        #expect(try await hears())
        try await origin.disable("new_checkout")
        #expect(await origin.agrees(edge))
        let document = try await origin.document(of: edge)
        #expect(await edge.keeps(stateOf: origin.server, key: origin.edgeKey))
        #expect(await origin.server.stop() == 0)
        await edge.killHard()
        let again = try await origin.edge(in: edge.folder)
        #expect(try await origin.document(of: again) == document)
        await again.stop()
    }

    @Test(arguments: [false, true])
    func `pass changes on to Swift clients over the stream, signed where they ask for it`(isSigned: Bool) async throws {
        let origin = try await Origin(try await RunningServer.start())
        let edge = try await origin.edge()
        var options = FloodgateClient.Options()
        options.server = edge.url
        options.streaming = true
        // What arrives in time has not been polled for.
        options.pollInterval = .seconds(600)
        options.rootKeys = isSigned ? [origin.rootKey] : []
        let client = FloodgateClient(key: origin.serverKey, options: options)
        await client.initialize()
        let users = (1...500).map { FloodgateUser(userID: "u\($0)") }
        let user = try #require(users.first { client.checkGate("new_checkout", for: $0) })
        try await origin.disable("new_checkout")
        #expect(await eventually(within: 30) { !client.checkGate("new_checkout", for: user) })
        await client.shutdown()
        for running in [edge, origin.server] { await running.stop() }
    }

    @Test func `keep events while the server is away, and send all of them on`() async throws {
        let origin = try await Origin(try await RunningServer.start())
        let edge = try await origin.edge()
        let before = try await origin.server.eventCount()
        func send(_ name: String) async throws {
            let body = "{\"events\":[{\"eventName\":\"\(name)\",\"time\":1750000000000,\"user\":{\"userID\":\"u\"}}]}"
            let answer = try await HTTP.send(
                "POST",
                edge.url + "/v1/log_event",
                ["statsig-api-key": origin.serverKey, "content-type": "application/json"],
                body: Array(body.utf8)
            )
            #expect(answer.status == 202)
        }
        try await send("with_server")
        #expect(await eventually(within: 20) { (try? await origin.server.eventCount()) == before + 1 })
        await origin.server.killHard()
        for number in 1...3 { try await send("without_server_\(number)") }
        let back = try await RunningServer.start(in: origin.server.folder, port: origin.server.port)
        #expect(await eventually(within: 40) { (try? await back.eventCount()) == before + 4 })
        for running in [edge, back] { await running.stop() }
    }

    @Test func `send on what came to a new log, when the old one is gone`() async throws {
        let origin = try await Origin(try await RunningServer.start())
        let before = try await origin.server.eventCount()
        func send(_ edge: RunningServer) async throws {
            let body = "{\"events\":[{\"eventName\":\"e\",\"time\":1750000000000,\"user\":{\"userID\":\"u\"}}]}"
            let answer = try await HTTP.send(
                "POST",
                edge.url + "/v1/log_event",
                ["statsig-api-key": origin.serverKey, "content-type": "application/json"],
                body: Array(body.utf8)
            )
            #expect(answer.status == 202)
        }
        let edge = try await origin.edge()
        for number in 1...2 as ClosedRange<Int64> {
            try await send(edge)
            #expect(await eventually(within: 20) { (try? await origin.server.eventCount()) == before + number })
        }
        await edge.stop()
        try FileManager.default.removeItem(atPath: edge.data + "/events")
        let again = try await origin.edge(in: edge.folder)
        try await send(again)
        #expect(await eventually(within: 20) { (try? await origin.server.eventCount()) == before + 3 })
        for running in [again, origin.server] { await running.stop() }
    }

    @Test func `agree after the keys were rotated many times while documents were published`() async throws {
        let origin = try await Origin(try await RunningServer.start())
        let edge = try await origin.edge()
        let data = origin.server.data
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for _ in 1...18 { _ = try await Program.text("signing", "rotate", "--data", data) }
            }
            group.addTask {
                for percent in 1...10 {
                    _ = try await Program.text(
                        "gate",
                        "rollout",
                        "new_checkout",
                        String(percent),
                        "--data",
                        data,
                        "--reason",
                        "test"
                    )
                }
            }
            try await group.waitForAll()
        }
        // The last rotation may have come after the last document.
        try await origin.disable("new_checkout")
        #expect(await origin.agrees(edge))
        let lines = try await Program.text("signing", "show", "--data", data).split(separator: "\n")
        let keys = lines.count { $0.contains("retired") || $0.contains("signs") || $0.contains("active") }
        #expect(keys == 16, "the oldest of 19 are dropped, none is lost to another writer: \(lines)")
        for running in [edge, origin.server] { await running.stop() }
    }

    @Test func `hand out to caches what they may keep, and nothing else`() async throws {
        let origin = try await Origin(try await RunningServer.start())
        let edge = try await origin.edge()
        let id = try await Program.text("keys", "create", "delivery", "--data", origin.server.data)
        let url = "\(edge.url)/delivery/v1/\(id)"
        #expect(await eventually(within: 20) { (try? await HTTP.send("GET", url))?.status == 200 })
        let answer = try await HTTP.send("GET", url)
        #expect(answer.text == (try await origin.document(of: origin.server)))
        #expect(answer.headers["cache-control"]?.hasPrefix("public, max-age=10") ?? false)
        let tag = try #require(answer.headers["etag"])
        #expect(try await HTTP.send("GET", url, ["if-none-match": tag]).status == 304)
        let hash = tag.trimmingCharacters(in: ["\""])
        let object = try await HTTP.send("GET", "\(edge.url)/delivery/v1/objects/\(hash)")
        #expect(object.text == answer.text && object.headers["cache-control"]?.contains("immutable") ?? false)
        #expect(try await HTTP.send("GET", url + "?a=1").status == 400)
        #expect(try await HTTP.send("GET", url + "x").status == 404)
        #expect(try await HTTP.send("GET", "\(edge.url)/delivery/v1/\(origin.serverKey)").status == 404)
        // That it is the newest is known a moment after the document is.
        let isConfirmed = await eventually(within: 40) {
            (try? await HTTP.send("GET", url + "/manifest"))?.text.contains("\"heartbeat\"") ?? false
        }
        #expect(isConfirmed)
        for running in [edge, origin.server] { await running.stop() }
    }
}
