// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateJSON
import FloodgateSnapshots
import Foundation
import Testing

/// What becomes of an edge, and of those who use it, when what it follows is broken or means harm.
@Suite("Edges behind a hostile upstream") struct HostileUpstreamTests {
    typealias Answer = HostileUpstream.Answer

    /// What upstream does, where it does it, and how it is counted.
    struct Fault: Sendable, CustomTestStringConvertible {
        var testDescription: String
        var metric: String
        var reason: String
        var act: @Sendable (HostileUpstream) throws -> @Sendable (String) -> Answer?

        /// The line that must appear among the metrics.
        var line: String { "\(metric)_total{reason=\"\(reason)\"}" }
    }

    private static let newer = HostileUpstream.Publication(sequence: 2, gate: "second")
    private static let newest = HostileUpstream.Publication(sequence: 9, gate: "third")

    private static func head(_ fields: String) -> [UInt8] { Array("HTTP/1.1 200 OK\r\n\(fields)\r\n\r\n".utf8) }

    /// A fault of every answer, whatever is asked for.
    private static func always(_ name: String, _ metric: String, _ reason: String, _ answer: Answer) -> Fault {
        Fault(testDescription: name, metric: metric, reason: reason) { _ in { _ in answer } }
    }

    /// A fault of the state.
    private static func state(
        _ name: String,
        _ reason: String,
        _ body: @escaping @Sendable (HostileUpstream) throws -> [UInt8]
    ) -> Fault {
        Fault(testDescription: name, metric: "snapshot_rejected", reason: reason) { upstream in
            let body = try body(upstream)
            return { $0 == "/edge/v1/state" ? .reply(200, body: body) : nil }
        }
    }

    /// A newer state whose document comes as `answer`.
    private static func object(_ name: String, _ metric: String, _ reason: String, _ answer: Answer) -> Fault {
        Fault(testDescription: name, metric: metric, reason: reason) { upstream in
            let body = try upstream.cell(newer).bytes
            return { path in
                if path == "/edge/v1/state" { return .reply(200, body: body) }
                return path.hasPrefix("/edge/v1/objects/") ? answer : nil
            }
        }
    }

    private static let mebibyte = [UInt8](repeating: UInt8(ascii: "x"), count: 1 << 20)
    private static let upstream = "upstream_failures"

    private static let faults: [Fault] = [
        always("status 500", upstream, "status", .reply(500, body: Array("broken".utf8))),
        always("status 401", upstream, "key", .reply(401, body: [])),
        always("status 403", upstream, "key", .reply(403, body: [])),
        always("a redirect", upstream, "status", .reply(302, headers: [("location", "/elsewhere")], body: [])),
        always("a reset before the answer", upstream, "network", .cut([])),
        always("a reset within the body", upstream, "network", .cut(head("content-length: 100") + [1, 2, 3])),
        always("no HTTP", upstream, "network", .cut(Array("SSH-2.0-OpenSSH_9.6\r\n".utf8))),
        always("endless fields", upstream, "network", .endless(Array("HTTP/1.1 200 OK\r\nx: ".utf8), mebibyte)),
        always("a body of a terabyte", upstream, "too_long", .endless(head("content-length: 1099511627776"), mebibyte)),
        always(
            "a body without end",
            upstream,
            "too_long",
            .endless(head("transfer-encoding: chunked"), Array("100000\r\n".utf8) + mebibyte + Array("\r\n".utf8))
        ),
        always("a body that stalls", upstream, "timeout", .endless(head("content-length: 100"), [])),
        always("a body that drips", upstream, "timeout", .drip(head("content-length: 1000000"), 32)),
        always("a page of HTML", "snapshot_rejected", "manifest", .reply(200, body: Array("<html>Log in".utf8))),
        state("a state without its end", "manifest") { Array(try $0.cell(newer).bytes.dropLast(20)) },
        state("a state that another key signed", "signature") { upstream in
            var cell = try upstream.cell(newer)
            cell.text.signature = try SigningKey().sign(cell.text.bytes, context: SignedText.Kind.cell.context)
            return cell.bytes
        },
        state("keys that another root signed", "key_set") { upstream in
            var cell = try upstream.cell(newer)
            cell.keySet.signature = try SigningKey().sign(cell.keySet.bytes, context: KeySet.context)
            return cell.bytes
        },
        state("an older state again", "older") { try $0.cell(.init(sequence: 0, gate: "zeroth")).bytes },
        state("another document in the same position", "fork") {
            try $0.cell(.init(sequence: 2, documentSequence: 1, gate: "second")).bytes
        },
        object(
            "a document without its end",
            "snapshot_rejected",
            "length",
            .reply(200, body: newer.payload.dropLast(5))
        ),
        object(
            "a document that is another",
            "snapshot_rejected",
            "hash",
            .reply(200, body: newer.payload.map { $0 == UInt8(ascii: "s") ? UInt8(ascii: "t") : $0 })
        ),
        object("no document", upstream, "status", .reply(404, body: [])),
        object(
            "a document without end",
            upstream,
            "too_long",
            .endless(head("content-length: 1099511627776"), mebibyte)
        ),
    ]

    /// An edge behind `upstream`, and what its clients see.
    private struct Edge {
        let running: RunningServer

        init(behind urls: [String], _ upstream: HostileUpstream, in folder: TemporaryFolder? = nil) async throws {
            running = try await RunningServer.start(
                in: folder,
                command: "edge",
                arguments: [
                    "--upstream", urls.joined(separator: ","), "--key", HostileUpstream.edgeKey, "--root-key",
                    upstream.rootKey, "--upstream-wait", "1",
                ]
            )
        }

        func metrics() async -> String {
            (try? await HTTP.send("GET", running.url + "/metrics"))?.text ?? ""
        }

        func document() async throws -> HTTP.Answer {
            try await HTTP.send("GET", "\(running.url)/v2/download_config_specs/\(HostileUpstream.serverKey).json")
        }

        func serves(_ publication: HostileUpstream.Publication) async -> Bool {
            await eventually(within: 20) { (try? await document())?.body == publication.payload }
        }

        /// Resident memory in bytes.
        var memory: Int {
            let status = (try? String(contentsOfFile: "/proc/\(running.child.id)/statm", encoding: .utf8)) ?? ""
            return (status.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4_096
        }
    }

    @Test(arguments: faults) func `serve the last good state, count why, and go on when it is over`(fault: Fault)
        async throws
    {
        try await HostileUpstream.run { upstream in
            let first = HostileUpstream.Publication(sequence: 1, gate: "first")
            let edge = try await Edge(behind: [upstream.url], upstream)
            #expect(await edge.serves(first))
            let before = edge.memory
            upstream.misbehave(try fault.act(upstream))
            let isCounted = await eventually(within: 20) { await edge.metrics().contains(fault.line) }
            #expect(isCounted)
            for _ in 0..<20 {
                let answer = try await edge.document()
                #expect(answer.status == 200 && answer.body == first.payload)
            }
            #expect(try await HTTP.send("GET", edge.running.url + "/readyz").status == 200)
            // The longest answer that is read at all has 32 MiB, and is there twice while it is put together.
            #expect(edge.memory < before + 128 << 20)
            #expect(!upstream.paths.contains("/elsewhere"))
            upstream.misbehave(nil)
            upstream.publish(Self.newest)
            #expect(await edge.serves(Self.newest))
            #expect(await edge.running.stop() == 0)
        }
    }

    @Test(arguments: [-86_400_000, 86_400_000] as [Int64])
    func `take what a publisher signed whose clock is a day off, and what comes after`(offset: Int64) async throws {
        try await HostileUpstream.run { upstream in
            let now = Int64(Date.now.timeIntervalSince1970 * 1_000)
            let wrong = HostileUpstream.Publication(sequence: 1, gate: "first", time: now + offset)
            upstream.publish(wrong)
            let edge = try await Edge(behind: [upstream.url], upstream)
            #expect(await edge.serves(wrong))
            let lines = await edge.metrics().split(separator: "\n")
            let line = lines.first { $0.hasPrefix("config_age_seconds{") }
            let age = try #require(line?.split(separator: " ").last.flatMap { Double($0) })
            // Time that has not come yet is as good as now, and no better.
            #expect(offset < 0 ? age >= 86_000 : 0...60 ~= age)
            // SDKs go by time, so a good publisher never goes back.
            let next = HostileUpstream.Publication(sequence: 2, gate: "second", time: max(now, wrong.time + 1))
            upstream.publish(next)
            #expect(await edge.serves(next))
            #expect(await edge.running.stop() == 0)
        }
    }

    @Test func `take another project's state on the same folder, when the root key is another`() async throws {
        let folder = try TemporaryFolder()
        try await HostileUpstream.run { first in
            first.publish(Self.newest)
            let edge = try await Edge(behind: [first.url], first, in: folder)
            #expect(await edge.serves(Self.newest))
            await edge.running.stop()
        }
        try await HostileUpstream.run { second in
            let edge = try await Edge(behind: [second.url], second, in: folder)
            #expect(await edge.serves(.init(sequence: 1, gate: "first")))
            await edge.running.stop()
        }
    }

    /// What an edge asks whatever its clients do.
    private static let regular: Set<String> = ["/edge/v1/state", "/edge/v1/fleet"]

    @Test func `ask upstream once for what ten thousand cold clients want`() async throws {
        try await HostileUpstream.run { upstream in
            let edge = try await Edge(behind: [upstream.url], upstream)
            let url = edge.running.url
            let payload = HostileUpstream.Publication(sequence: 1, gate: "first").payload
            try await withThrowingTaskGroup(of: Int.self) { group in
                for _ in 0..<50 {
                    group.addTask {
                        var good = 0
                        for number in 0..<200 {
                            // Half of them as Statsig's forward proxy asks, half as SDKs do.
                            let answer =
                                number % 2 == 0
                                ? try await HTTP.send(
                                    "GET",
                                    "\(url)/v2/download_config_specs/\(HostileUpstream.serverKey).json"
                                )
                                : try await HTTP.send(
                                    "GET",
                                    url + "/v2/download_config_specs?sinceTime=0",
                                    ["statsig-api-key": HostileUpstream.serverKey]
                                )
                            if answer.status == 200, answer.body == payload { good += 1 }
                        }
                        return good
                    }
                }
                let good = try await group.reduce(0, +)
                #expect(good == 10_000)
            }
            let paths = upstream.paths
            #expect(paths.count { $0.hasPrefix("/edge/v1/objects/") } == 1)
            let others = Set(paths.filter { !$0.hasPrefix("/edge/v1/objects/") })
            #expect(others.subtracting(Self.regular).isEmpty)
            // Strangers cost upstream nothing either.
            let before = upstream.paths.count { !Self.regular.contains($0) }
            for number in 0..<200 {
                let answer = try await HTTP.send("GET", "\(url)/v2/download_config_specs/secret-\(number).json")
                #expect([403, 429].contains(answer.status))
            }
            #expect(upstream.paths.count { !Self.regular.contains($0) } == before)
            await edge.running.stop()
        }
    }

    @Test func `ask the next address when one fails, and the preferred one again after its pause`() async throws {
        try await HostileUpstream.run { first in
            let edge = try await Edge(behind: ["http://127.0.0.1:1", first.url], first)
            #expect(await edge.serves(.init(sequence: 1, gate: "first")))
            first.publish(Self.newest)
            #expect(await edge.serves(Self.newest))
            let metrics = await edge.metrics()
            // A connection is tried again for a while before it is given up.
            #expect(["network", "timeout"].contains { metrics.contains("upstream_failures_total{reason=\"\($0)\"}") })
            #expect(await edge.running.stop() == 0)
        }
    }
}
