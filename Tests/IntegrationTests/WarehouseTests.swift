// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import Foundation
import Testing

extension EndToEnd {
    /// Events from the request to the counts, with the embedded warehouse.
    @Suite("Events and the embedded warehouse", .serialized) struct WarehouseTests {
        private func start(in folder: TemporaryFolder? = nil, port: Int? = nil) async throws -> RunningServer {
            try await .start(in: folder, port: port, arguments: ["--demo", "--duckdb", try Program.duckDB()])
        }

        private func body(_ batch: Int, events: Range<Int>) -> String {
            let list = events.map { number in
                number.isMultiple(of: 2)
                    ? """
                    {"eventName":"statsig::gate_exposure","time":\(1_790_000_000_000 + number),"user":{"userID":"u\(number % 50)"},\
                    "metadata":{"gate":"\(number % 20 == 0 ? "no_such_gate" : "new_checkout")","gateValue":"true","ruleID":"r1",\
                    "reason":"Network:Recognized"},"secondaryExposures":[]}
                    """
                    : """
                    {"eventName":"purchase","time":\(1_790_000_000_000 + number),"user":{"userID":"u\(number % 50)"},"value":9.5}
                    """
            }
            return "{\"events\":[\(list.joined(separator: ","))],\"statsigMetadata\":{\"sessionID\":\"s\(batch)\"}}"
        }

        private func send(_ body: String, to server: RunningServer, _ key: String) async throws {
            let answer = try await HTTP.send(
                "POST",
                server.url + "/v1/log_event",
                ["statsig-api-key": key],
                body: Array(body.utf8)
            )
            try #require(answer.status == 202, "\(answer)")
        }

        private func ledger(_ server: RunningServer) async throws -> (outcome: Program.Outcome, report: JSONValue?) {
            let outcome = try await Program.floodgate("events", "reconcile", "--data", server.data, "--json")
            return (outcome, try? JSONValue(parsing: outcome.output))
        }

        private func waitUntilLoaded(_ count: Int64, _ server: RunningServer) async throws {
            var last: Program.Outcome?
            let isLoaded = await eventually(within: 60) {
                guard let (outcome, report) = try? await ledger(server) else { return false }
                last = outcome
                return report?["total"]?["loaded"]?.integerValue == count
                    && report?["total"]?["inFlight"]?.integerValue == 0
            }
            try #require(isLoaded, "\(last?.description ?? "") \(server.child.errors.suffix(2000))")
        }

        @Test func `are counted once however often they are sent, and each is accounted for over a kill`() async throws
        {
            var server = try await start()
            let folder = server.folder
            let key = try await server.key("server")
            for batch in 0..<4 { try await send(body(batch, events: batch * 100..<batch * 100 + 100), to: server, key) }
            try await waitUntilLoaded(400, server)
            // The same once more, in other company.
            try await send(body(1, events: 100..<200), to: server, key)
            try await send(body(4, events: 400..<500), to: server, key)
            await server.killHard()

            server = try await start(in: folder, port: server.port)
            let isBalanced = await eventually(within: 60) {
                guard let report = try? await ledger(server).report, let total = report["total"] else { return false }
                let (loaded, duplicate) = (total["loaded"]?.integerValue ?? 0, total["duplicate"]?.integerValue ?? 0)
                return loaded + duplicate == 600 && report["isBalanced"]?.boolValue == true
            }
            let last = try await ledger(server).outcome
            #expect(isBalanced, "\(last)")

            let outcome = try await Program.floodgate("events", "summary", "--data", server.data, "--json")
            let summary = try JSONValue(parsing: outcome.output)
            let lines = summary["exposures"]?.arrayValue ?? []
            func count(_ name: String) -> Int64? {
                lines.first { $0["name"]?.stringValue == name }?["count"]?.integerValue
            }
            #expect(count("new_checkout") == 225, "each exposure once: \(outcome)")
            #expect(count("no_such_gate") == 25)
            #expect(lines.first { $0["name"]?.stringValue == "no_such_gate" }?["known"]?.boolValue == false)
            #expect(lines.first { $0["name"]?.stringValue == "new_checkout" }?["known"]?.boolValue == true)
            #expect(summary["events"]?.arrayValue?.first?["count"]?.integerValue == 250)

            let page = try await HTTP.send("GET", server.url + "/live?filter=gate%3Dno_such_gate+value%3Dtrue")
            let html = String(decoding: page.body, as: UTF8.self)
            #expect(html.contains("no_such_gate"))
            #expect(html.contains("Unknown"))
            #expect(html.contains("Network:Recognized"))

            let forgotten = try await Program.text("events", "forget", "u7", "--data", server.data)
            #expect(forgotten.hasPrefix("Removed"))
            let after = try await Program.floodgate("events", "summary", "--data", server.data, "--json")
            let rest = try JSONValue(parsing: after.output)["events"]?.arrayValue?.first?["count"]?.integerValue
            #expect(rest == 240, "\(after)")
            await server.stop()

            // Without a server the command asks the files itself.
            let offline = try await Program.floodgate(
                "events",
                "reconcile",
                "--data",
                server.data,
                "--duckdb",
                try Program.duckDB()
            )
            #expect(offline.status == 0, "\(offline)")
            #expect(offline.output.contains("The ledger balances."))
        }

        @Test func `are kept while there is no warehouse, and loaded when there is one`() async throws {
            var server = try await RunningServer.start(arguments: ["--demo", "--duckdb", "/nowhere/duckdb"])
            let folder = server.folder
            let key = try await server.key("server")
            try await send(body(0, events: 0..<100), to: server, key)
            let early = try await Program.floodgate("events", "reconcile", "--data", server.data)
            #expect(early.status == 69, "\(early)")
            await server.stop()
            server = try await start(in: folder, port: server.port)
            try await waitUntilLoaded(100, server)
            await server.stop()
        }

        @Test func `are found by what is in them`() async throws {
            let server = try await RunningServer.start(arguments: ["--demo", "--warehouse", "none"])
            let key = try await server.key("server")
            try await send(body(0, events: 0..<100), to: server, key)
            let outcome = try await Program.floodgate(
                "events",
                "tail",
                "--data",
                server.data,
                "--number",
                "3",
                "--filter",
                "gate=no_such_gate unit=u20"
            )
            #expect(outcome.output.split(separator: "\n").count == 1, "\(outcome)")
            #expect(outcome.output.contains("reason=Network:Recognized"))
            let wrong = try await Program.floodgate("events", "tail", "--data", server.data, "--filter", "colour=red")
            #expect(wrong.status == 64)
            #expect(wrong.errors.contains("colour"))
            await server.stop()
        }
    }
}
