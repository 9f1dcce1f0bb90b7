// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import NIOCore
import Synchronization
import Testing

@Suite("Budget of bodies") struct BodyBudgetTests {
    @Test func `keeps its last quarter for who holds little, and takes back what nobody holds`() {
        let budget = ByteBudget(limit: 1_000, small: 100)
        var large: ByteBudget.Lease? = budget.lease()
        #expect(large?.take(700) == true)
        #expect(large?.take(51) == false)
        #expect(large?.take(50) == true)
        #expect(!budget.hasRoom(for: 101))
        #expect(budget.hasRoom(for: 100))
        var small: [ByteBudget.Lease] = (0..<4).map { _ in budget.lease() }
        #expect(small.map { $0.take(80) } == [true, true, true, false])
        #expect(budget.used == 990)
        small = []
        #expect(budget.used == 750)
        large = nil
        #expect(budget.used == 0)
    }

    @Test func `is never exceeded by those who take from it at once`() async {
        let budget = ByteBudget(limit: 10_000)
        let most = await withTaskGroup(of: Int.self) { tasks in
            for _ in 0..<16 {
                tasks.addTask {
                    var most = 0
                    for _ in 0..<2_000 {
                        let lease = budget.lease()
                        _ = lease.take(3_000)
                        _ = lease.take(1_000)
                        most = max(most, withExtendedLifetime(lease) { budget.used })
                    }
                    return most
                }
            }
            return await tasks.reduce(0, max)
        }
        #expect(4_000...10_000 ~= most)
        #expect(budget.used == 0)
    }

    /// So much of the bodies below that the request is never complete.
    private static let nearly = [UInt8](repeating: 0x61, count: 200_000)

    @Test func `holds against many bodies that are nearly complete, and a small request beside them is served`()
        async throws
    {
        let budget = ByteBudget(limit: 1 << 20)
        try await withDoor(bodies: budget) { port, service in
            var flood: [RawConnection] = []
            for index in 0..<24 {
                let connection = try await RawConnection.open(port)
                let isChunked = index % 2 == 0
                let framing = isChunked ? "transfer-encoding: chunked" : "content-length: 200001"
                try await connection.send("POST /body HTTP/1.1\r\nhost: a\r\n\(framing)\r\n\r\n")
                // Those without room are cut off, perhaps while they send.
                try? await connection.send((isChunked ? Array("30d41\r\n".utf8) : []) + Self.nearly)
                flood.append(connection)
            }
            // There is room for three of them; all others are told to come again.
            #expect(await Self.refused(flood, atLeast: 21) >= 21)
            #expect(budget.used <= budget.limit)
            let good = try await RawConnection.open(port)
            try await good.send("POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n")
            try await good.send(Array(Self.nearly.prefix(1_000)))
            #expect(await good.text { $0.hasSuffix("\n") }.contains("POST /body 1000 "))
            for connection in flood { try? await connection.close() }
            await Self.waitUntil { budget.used == 0 }
            #expect(budget.used == 0)
            #expect(service.served.load(ordering: .relaxed) == 1)
        }
    }

    private static func refused(_ connections: [RawConnection], atLeast count: Int) async -> Int {
        var refused = 0
        await waitUntil {
            refused = connections.count { $0.text.contains("HTTP/1.1 503 ") && $0.text.contains("retry-after: 1") }
            return refused >= count
        }
        return refused
    }

    private static func waitUntil(_ condition: () -> Bool) async {
        for _ in 0..<4_000 where !condition() { try? await Task.sleep(for: .milliseconds(5)) }
    }

    @Test(arguments: ["complete", "reset", "cut short", "slow", "too large", "malformed", "late", "whole at once"])
    func `gets everything back, however the request ends`(how: String) async throws {
        let budget = ByteBudget(limit: 8 << 20)
        var limits = HTTPLimits()
        limits.bodyTimeout = .seconds(1)
        limits.lingerTimeout = .milliseconds(100)
        try await withDoor(limits, bodies: budget) { port, service in
            let connection = try await RawConnection.open(port)
            let path = how == "late" ? "/slow" : "/body"
            let isChunked = how == "malformed" || how == "too large"
            let head =
                "POST \(path) HTTP/1.1\r\nhost: a\r\n"
                + (isChunked ? "transfer-encoding: chunked\r\n\r\n" : "content-length: 200001\r\n\r\n")
            if how == "whole at once" {
                try await connection.send(Array(head.utf8) + Self.nearly + [0x61])
                #expect(await connection.text { $0.hasSuffix("\n") }.hasPrefix("HTTP/1.1 200 "))
            } else {
                try await connection.send(head)
                try await connection.send((isChunked ? Array("30d40\r\n".utf8) : []) + Self.nearly)
                await Self.waitUntil { budget.used == 200_000 }
                #expect(budget.used == 200_000)
                switch how {
                case "complete":
                    try await connection.send("a")
                    #expect(await connection.text { $0.hasSuffix("\n") }.hasPrefix("HTTP/1.1 200 "))
                case "reset": try await connection.reset()
                case "cut short": try await connection.closeOutput()
                case "slow": #expect(await connection.textToTheEnd().hasPrefix("HTTP/1.1 408 "))
                case "too large":
                    try await connection.send("\r\nffffff\r\n")
                    #expect(await connection.textToTheEnd().hasPrefix("HTTP/1.1 413 "))
                case "malformed":
                    try await connection.send("\r\nno size\r\n")
                    #expect(await connection.textToTheEnd().hasPrefix("HTTP/1.1 400 "))
                default:
                    try await connection.send("a")
                    #expect(await connection.text { $0.contains("\r\n\r\n") }.hasPrefix("HTTP/1.1 503 "))
                    await Self.waitUntil { service.cancellations.load(ordering: .relaxed) == 1 }
                }
            }
            await Self.waitUntil { budget.used == 0 }
            #expect(budget.used == 0)
        }
    }

    @Test func `holds against many streams of one HTTP/2 connection, and gets back what they held`() async throws {
        let budget = ByteBudget(limit: 1 << 20)
        // However slowly the machine lets them send.
        var limits = HTTPLimits()
        limits.bodyGrace = .seconds(600)
        limits.bodyTimeout = .seconds(600)
        try await withDoor(limits, bodies: budget) { port, service in
            let flood = try await HTTP2Client.open(port)
            await withTaskGroup(of: Void.self) { tasks in
                for index in 0..<24 {
                    tasks.addTask {
                        let body = ByteBuffer(bytes: Self.nearly)
                        // Cut short where there is no room.
                        try? await flood.request(1 + 2 * index, "/body", method: "POST", body: body, endsStream: false)
                    }
                }
            }
            // Room is for three of them. How many are refused depends on how NIO's client goes on after a reset: it may
            // leave streams waiting whose windows are open.
            await Self.waitUntil { service.refusals.withLock { !$0.isEmpty } }
            #expect(service.refusals.withLock { !$0.isEmpty })
            #expect(service.refusals.withLock { $0.allSatisfy { $0 == "overloaded" } })
            #expect(budget.used <= budget.limit)
            let good = try await HTTP2Client.open(port)
            try await good.request(1, "/body", method: "POST", body: ByteBuffer(bytes: Self.nearly.prefix(1_000)))
            #expect(try await good.answer(1).text.hasPrefix("POST /body 1000 "))
            try await flood.close()
            await Self.waitUntil { budget.used == 0 }
            #expect(budget.used == 0)
            try await good.close()
        }
    }

    @Test func `counts what came in, not what was announced`() async throws {
        let budget = ByteBudget(limit: 1 << 20)
        try await withDoor(bodies: budget) { port, _ in
            var slow: [RawConnection] = []
            for _ in 0..<40 {
                let connection = try await RawConnection.open(port)
                try await connection.send("POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n0123456789")
                slow.append(connection)
            }
            await Self.waitUntil { budget.used == 400 }
            #expect(budget.used == 400)
            for connection in slow { try await connection.close() }
            await Self.waitUntil { budget.used == 0 }
            #expect(budget.used == 0)
        }
    }
}
