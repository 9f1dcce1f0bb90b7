// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateGzip
import FloodgateHTTP
import FloodgateJSON
import FloodgateServer
import HTTPTypes
import Testing

@Suite("Guards") struct GuardsTests {
    private static let ceiling = 1_000 << 20

    /// A request of every class, in the order in which they go: what it asks for, and its class.
    private static let requests: [(HTTPRequest.Method, String, KeyKind?, Int)] = [
        (.get, "/metrics", nil, 5), (.post, "/v1/sdk_exception", .client, 5), (.get, "/", nil, 4),
        (.get, "/console/v1/gates", .console, 4), (.get, "/console/live", nil, 3),
        (.get, "/ofrep/v1/stream", .client, 3), (.post, "/ofrep/v1/evaluate/flags", .server, 2),
        (.post, "/v1/rgstr", .client, 2),
        (.post, "/v1/log_event", .client, 2), (.post, "/v1/initialize", .client, 2),
        (.post, "/v1/log_event", .server, 1), (.post, "/v1/rgstr", .server, 1),
        (.get, "/v2/download_config_specs", .server, 0), (.get, "/v1/download_config_specs?k=&sinceTime=1", .server, 0),
        (.post, "/v1/download_config_specs", .server, 0), (.post, "/v1/get_id_lists", .server, 0),
        (.get, "/livez", nil, 0), (.get, "/readyz", nil, 0), (.get, "/readyz/intake", nil, 0),
        (.put, "/console/v1/gates/new_checkout/disable", .console, 0), (.post, "/gates/new_checkout/toggle", nil, 0),
    ]

    /// The classes whose requests are refused because of overload, and those whose requests are not.
    private func refused(_ server: TestServer) async throws -> (refused: Set<Int>, served: Set<Int>) {
        var (refused, served): (Set<Int>, Set<Int>) = ([], [])
        for (method, path, key, shedClass) in Self.requests {
            let hasBody = method != .get
            let isForm = path.hasSuffix("/toggle")
            let answer = try await server.send(
                method,
                path,
                key: key,
                headers: hasBody && isForm ? [.contentType: "application/x-www-form-urlencoded"] : [:],
                body: hasBody ? "{}" : nil
            )
            let isRefused = answer.status.code == 503 && answer.json?["code"] == "overloaded"
            if isRefused { #expect(Int(answer.headers[.retryAfter] ?? "") ?? 0 >= 1, "\(path)") }
            if isRefused { refused.insert(shedClass) } else { served.insert(shedClass) }
        }
        return (refused, served)
    }

    @Test func `memory sheds bodies first, then all that can be done without, and never what is vital`() async throws {
        let server = try await TestServer { $0.memoryCeiling = Self.ceiling }
        let guards = server.server.guards
        for (share, gone, here) in [
            (799, [], [0, 1, 2, 3, 4, 5]), (800, [1, 2, 5], [0, 3, 4, 5]), (900, [1, 2, 3, 4, 5], [0]),
            (950, [1, 2, 3, 4, 5], [0]), (2_000, [1, 2, 3, 4, 5], [0]), (700, [], [0, 1, 2, 3, 4, 5]),
        ] as [(Int, Set<Int>, Set<Int>)] {
            guards.note(residentBytes: Self.ceiling / 1_000 * share + 1)
            let (refused, served) = try await refused(server)
            #expect(refused == gone, "\(share)")
            #expect(served == here, "\(share)")
        }
    }

    @Test func `one class after the other goes while a more important one has too much to do, and comes back`() {
        var level = ShedLevel()
        var now = 1_000 * ShedLevel.step
        func after(_ overloaded: Route.ShedClass?) -> Int {
            now += ShedLevel.step
            level.note(overloaded, at: now)
            return level.first
        }
        #expect(level.first == 6)
        #expect(after(.exposures) == 5)
        // Within one step nothing more happens.
        level.note(.exposures, at: now + ShedLevel.step - 1)
        level.note(nil, at: now + ShedLevel.step - 1)
        #expect(level.first == 5)
        #expect((0..<5).map { _ in after(.exposures) } == [4, 3, 2, 2, 2])
        #expect((0..<5).map { _ in after(nil) } == [3, 4, 5, 6, 6])
        #expect((0..<5).map { _ in after(.events) } == [5, 4, 3, 3, 3])
        #expect((0..<3).map { _ in after(.console) } == [4, 5, 5])
        #expect(after(.diagnostics) == 6)
    }

    @Test func `a class that refuses makes the less important ones go, and none beside or above it`() async throws {
        let server = try await TestServer {
            $0.concurrency.start = 0
            $0.concurrency.least = 0
            $0.memoryCeiling = Self.ceiling
        }
        let guards = server.server.guards
        // No place at all in any class, so each refuses what comes; the console's page is the first that comes.
        _ = try await server.send(.get, "/")
        var now = ShedLevel.step
        guards.tick(at: now)
        _ = try await server.send(.get, "/console/live")
        #expect(try await server.send(.get, "/console/live").status == .ok)
        // Then an evaluation: streams, which have no limit of their own, are told to poll some steps later.
        for _ in 0..<4 {
            #expect(try await server.send(.post, "/v1/check_gate", key: .client, body: "{}").status.code == 503)
            now += ShedLevel.step
            guards.tick(at: now)
        }
        #expect(try await server.send(.get, "/console/live").status.code == 503)
        for (method, path, key, shedClass) in Self.requests where shedClass == 0 {
            let answer = try await server.send(method, path, key: key, body: method == .get ? nil : "{}")
            #expect(answer.json?["code"] != "overloaded", "\(path)")
        }
        for _ in 0..<4 {
            now += ShedLevel.step
            guards.tick(at: now)
        }
        #expect(try await server.send(.get, "/console/live").status == .ok)
    }

    @Test func `rates of a key never hold up configuration or the kill switch`() async throws {
        let server = try await TestServer { $0.requestsPerKey = .init(perSecond: 0.001, burst: 1) }
        for (method, path, key, shedClass) in Self.requests where shedClass == 0 {
            for _ in 0..<3 {
                let answer = try await server.send(method, path, key: key, body: method == .get ? nil : "{}")
                #expect(answer.json?["code"] != "rate_limited", "\(path)")
            }
        }
    }

    @Test func `an announced body that finds no room is refused before it comes, a small one and a vital one are not`()
        async throws
    {
        let server = try await TestServer { $0.memoryCeiling = 4 << 20 }
        let bodies = server.server.guards.bodies
        let lease = bodies.lease()
        #expect(lease.take(700 << 10))
        let large = String(repeating: " ", count: 80 << 10)
        for (path, key, body, status) in [
            ("/v1/rgstr", .client, large, 503), ("/v1/rgstr", .client, #"{"events":[]}"#, 202),
            ("/v1/download_config_specs", .server, "{}" + large, 200),
        ] as [(String, KeyKind, String, Int)] {
            #expect(try await server.send(.post, path, key: key, body: body).status.code == status, "\(path)")
        }
        withExtendedLifetime(lease) {}
    }

    @Test(arguments: ["/v1/rgstr", "/v1/initialize"])
    func `a body that cannot be unpacked for want of room is to be sent again`(path: String) async throws {
        let server = try await TestServer { $0.memoryCeiling = 16 << 20 }
        let unpacked = server.server.guards.unpacked
        var leases = [unpacked.lease(), unpacked.lease()]
        #expect(leases[0].take(unpacked.limit / 4 * 3) && leases[1].take(unpacked.limit / 4))
        let members = #"{"events":[],"a":""# + String(repeating: "a", count: 1_040_000) + #""}"#
        let body = try Gzip.compress(Array(members.utf8))
        let headers: HTTPFields = [.contentEncoding: "gzip"]
        let refused = try await server.send(.post, path, key: .client, headers: headers, bytes: body)
        #expect(refused.status == .serviceUnavailable)
        #expect(Int(refused.headers[.retryAfter] ?? "") ?? 0 >= 1)
        leases = []
        #expect(unpacked.used == 0)
        let answer = try await server.send(.post, path, key: .client, headers: headers, bytes: body)
        #expect(answer.status.kind == .successful)
        #expect(unpacked.used == 0)
    }
}

@Suite("Memory ceiling") struct MemoryCeilingTests {
    @Test(
        arguments: [
            ([:], 6_000),
            (["/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/b/memory.max": "2000\n"], 2_000),
            (["/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/b/memory.max": "max\n"], 6_000),
            (
                [
                    "/proc/self/cgroup": "0::/a/b\n", "/sys/fs/cgroup/a/b/memory.max": "max\n",
                    "/sys/fs/cgroup/a/memory.max": "1000\n",
                ], 1_000
            ),
            (["/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "500"], 500),
            (
                [
                    "/proc/self/cgroup": "5:cpu,memory:/x\n0::/\n",
                    "/sys/fs/cgroup/memory/x/memory.limit_in_bytes": "9223372036854771712\n",
                    "/sys/fs/cgroup/memory/memory.limit_in_bytes": "700\n",
                ], 700
            ),
            (["/proc/self/cgroup": "nonsense\n:\n5:memory\n", "/sys/fs/cgroup/memory.max": "0"], 6_000),
        ] as [([String: String], Int)]
    )
    func `is the least limit around the process, else three quarters of the machine`(
        files: [String: String],
        bytes: Int
    ) {
        #expect(MemoryCeiling.bytes(physical: 8_000) { files[$0] } == bytes)
    }

    @Test func `is known of this process`() { #expect(MemoryCeiling.ofProcess >= 16 << 20) }
}
