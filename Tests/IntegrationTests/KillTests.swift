// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import AsyncHTTPClient
import FloodgateGzip
import FloodgateJSON
import Foundation
import Synchronization
import Testing

extension EndToEnd {
    /// The promise of a 202: the batch is on disk.
    @Suite("Killed servers", .serialized) struct KillTests {
        private static let kills = 60
        private static let posters = 4

        /// What the posters know.
        private final class Ledger: Sendable {
            struct Entries {
                var acknowledged: [String] = []
                var acknowledgedBatches = 0
                var unanswered = 0
                var refused: [String] = []
                var isOver = false
            }

            let entries = Mutex(Entries())

            var acknowledgedBatches: Int { entries.withLock { $0.acknowledgedBatches } }
            var isOver: Bool { entries.withLock { $0.isOver } }
        }

        @Test func `lose no acknowledged event`() async throws {
            let folder = try TemporaryFolder()
            var server = try await RunningServer.start(in: folder)
            let port = server.port
            let key = try await server.key("server")
            let url = server.url + "/v1/log_event"
            let ledger = Ledger()
            var random = SystemRandomNumberGenerator()
            var killsUnderLoad = 0
            var killsWhileStarting = 0

            try await withThrowingTaskGroup(of: Void.self) { group in
                for poster in 0..<Self.posters {
                    group.addTask { await Self.post(poster, to: url, key: key, ledger) }
                }
                for kill in 0..<Self.kills {
                    if kill % 6 == 5 {
                        // Somewhere between the start of the process and its being ready.
                        try await Task.sleep(for: .milliseconds(Int.random(in: 0...150, using: &random)))
                        killsWhileStarting += 1
                    } else {
                        let before = ledger.acknowledgedBatches
                        let isTaking = await eventually(within: 20) { ledger.acknowledgedBatches > before }
                        try #require(isTaking, "The server takes no events after kill \(kill): \(server.child.errors)")
                        try await Task.sleep(for: .milliseconds(Int.random(in: 0...250, using: &random)))
                        killsUnderLoad += 1
                    }
                    await server.killHard()
                    server = try RunningServer.launch(in: folder, port: port)
                }
                ledger.entries.withLock { $0.isOver = true }
                try await group.waitForAll()
            }
            await server.killHard()

            let last = try await RunningServer.start(in: folder, port: port)
            // A command shows a million at most, several times as many as there are.
            let events = try await last.events()
            let found = Dictionary(grouping: events.compactMap { $0["metadata"]?["id"]?.stringValue }) { $0 }
            let entries = ledger.entries.withLock { $0 }
            let lost = entries.acknowledged.filter { found[$0] == nil }
            let doubled = entries.acknowledged.count { (found[$0]?.count ?? 0) > 1 }
            print(
                """
                Killed \(Self.kills) times (\(killsUnderLoad) under load, \(killsWhileStarting) while starting): \
                \(entries.acknowledged.count) events in \(entries.acknowledgedBatches) batches acknowledged, \
                \(entries.acknowledged.count - lost.count) found, \(lost.count) lost, \(doubled) doubled; \
                \(entries.unanswered) batches without an answer; \(events.count) events in the log
                """
            )
            #expect(lost.isEmpty, "\(lost.count) acknowledged events are gone, such as \(lost.prefix(3))")
            #expect(doubled == 0, "Nothing was sent twice, so nothing may be there twice")
            #expect(entries.refused.isEmpty, "\(entries.refused.prefix(3))")
            #expect(entries.acknowledgedBatches >= killsUnderLoad)
            #expect(try await last.eventCount() == Int64(events.count))
            #expect(await last.stop() == 0)
        }

        /// Posts batches of random sizes, one after another, each once; notes what was acknowledged.
        private static func post(_ poster: Int, to url: String, key: String, _ ledger: Ledger) async {
            var random = SystemRandomNumberGenerator()
            var batch = 0
            while !ledger.isOver {
                batch += 1
                let size =
                    Bool.random(using: &random)
                    ? Int.random(in: 1...5, using: &random) : Int.random(in: 1...60, using: &random)
                let ids = (0..<size).map { "\(poster)-\(batch)-\($0)" }
                let events = ids.map { id -> JSONValue in
                    [
                        "eventName": "kill_test", "time": .integer(Int64(Date().timeIntervalSince1970 * 1000)),
                        "user": ["userID": .string("u-\(poster)")], "value": 1, "metadata": ["id": .string(id)],
                    ]
                }
                var body = JSONValue.object(["events": .array(events), "statsigMetadata": ["sdkType": "kill-test"]])
                    .bytes
                var headers = ["STATSIG-API-KEY": key, "Content-Type": "application/json"]
                if Bool.random(using: &random), let compressed = try? Gzip.compress(body) {
                    body = compressed
                    headers["Content-Encoding"] = "gzip"
                }
                do {
                    let answer = try await HTTP.send("POST", url, headers, body: body, timeout: 10)
                    ledger.entries.withLock { entries in
                        if answer.status == 202 {
                            entries.acknowledged += ids
                            entries.acknowledgedBatches += 1
                        } else if answer.status == 503 {
                            entries.unanswered += 1
                        } else {
                            entries.refused.append("\(answer)")
                        }
                    }
                } catch {
                    ledger.entries.withLock { $0.unanswered += 1 }
                    try? await Task.sleep(for: .milliseconds(5))
                }
            }
        }
    }
}
