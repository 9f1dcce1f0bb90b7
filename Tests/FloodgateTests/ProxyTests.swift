// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import Testing

/// Row SYN-17 of the checklist.
@Suite("Proxy", .timeLimit(.minutes(5))) struct ProxyTests {
    let user = FloodgateUser(userID: "u1")

    /// A client of the bench's server behind `proxy`.
    private func makeClient(_ bench: Bench, _ proxy: ScriptedServer) throws -> FloodgateClient {
        let port = try #require(Int(proxy.url.split(separator: ":").last ?? ""))
        return bench.makeClient {
            $0.proxy = FloodgateClient.Proxy(host: "127.0.0.1", port: port, username: "ana", password: "open sesame")
        }
    }

    @Test(.rows("SYN-17")) func `sends everything through the proxy, with its credentials`() async throws {
        try await Bench.run { bench in
            try await ScriptedServer.run { proxy in
                proxy.on("127.0.0.1:", .tunnel)
                proxy.on(Bench.specs, .ok(TestDocument().text))
                proxy.on(Bench.events, .ok("{}"))
                let client = try makeClient(bench, proxy)
                #expect(await client.initialize().isReady)
                client.logEvent("e", for: user)
                await client.shutdown()
                #expect(client.eventStatistics.sent == 1)
                let tunnels = proxy.requests("127.0.0.1:")
                #expect(!tunnels.isEmpty)
                #expect(tunnels.allSatisfy { $0.method == "CONNECT" && "http://" + $0.uri == bench.server.url })
                // base64("ana:open sesame")
                let credentials = "Basic YW5hOm9wZW4gc2VzYW1l"
                #expect(tunnels.allSatisfy { $0.header("proxy-authorization") == credentials })
                #expect(tunnels.allSatisfy { $0.header("statsig-api-key") == nil })
                #expect(proxy.requests(Bench.specs).first?.header("proxy-authorization") == nil)
                #expect(bench.server.requests("/").isEmpty)
            }
        }
    }

    @Test(.rows("SYN-17, SYN-18"), arguments: [407, 502]) func `goes nowhere else when the proxy refuses`(
        status: Int
    ) async throws {
        try await Bench.run { bench in
            try await ScriptedServer.run { proxy in
                proxy.on("127.0.0.1:", .status(status))
                let client = try makeClient(bench, proxy)
                #expect(await client.initialize().failure?.code == .network)
                await client.shutdown()
                #expect(bench.server.requests("/").isEmpty)
            }
        }
    }

    @Test(arguments: [("", 80), ("proxy", 0), ("proxy", 65_536)])
    func `takes no proxy that cannot be one, and says so`(host: String, port: Int) async throws {
        let log = RecordingLog()
        try await Bench.run { bench in
            let client = bench.makeClient {
                $0.proxy = FloodgateClient.Proxy(host: host, port: port)
                $0.logger = log.logger
            }
            #expect(await client.initialize().isReady)
            #expect(log.lines.contains { $0.contains("floodgate.option=proxy") })
            await client.shutdown()
        }
    }
}
