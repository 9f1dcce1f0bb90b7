// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateControlPlane
import FloodgateJSON
import FloodgateServer
import FloodgateWarehouse

/// `floodgate events summary`.
struct EventsSummaryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "summary",
        abstract: "Count exposures by gate and rule, and name what the project does not have.",
        discussion: """
            Counts what is in the warehouse of the last hours, each event once, most first: exposures by what was evaluated, \
            rule and value, then events by name. What the project does not have is marked as unknown: a misspelled name in a \
            program, or an entity that was deleted. With --json an object with the members exposures and events.
            """
    )

    @Option(help: ArgumentHelp("How far to look back.", valueName: "number")) var hours = 1
    @Option(help: ArgumentHelp("The environment.", valueName: "name")) var environment = "production"
    @Flag(help: "Print JSON.") var json = false
    @OptionGroup var asked: AskedWarehouse

    func validate() throws {
        guard 1...24 * 366 ~= hours else { throw ValidationError("--hours must be from 1 to 8784") }
    }

    func run() async throws {
        let query = [("hours", String(hours)), ("environment", environment)]
        let summary = try await asked.answer("/console/v1/events/summary", query) { warehouse, _ in
            let names = try await asked.data.project().knownNames()
            let since = SystemClock.now() - Int64(hours) * 3_600_000
            return .object(try await ExposureSummary(of: environment, since: since, in: warehouse, names: names).json)
        }
        StandardStreams.output((json ? summary.text : Self.text(summary)) + "\n")
    }

    private static func text(_ summary: JSONValue) -> String {
        func cell(_ line: JSONValue, _ name: String) -> String {
            line[name]?.stringValue ?? line[name]?.integerValue.map { String($0) } ?? ""
        }
        let exposures = (summary["exposures"]?.arrayValue ?? []).map { line in
            ["count", "units", "kind", "name", "rule", "value"].map { cell(line, $0) }
                + [line["known"]?.boolValue == false ? "unknown" : ""]
        }
        let events = (summary["events"]?.arrayValue ?? []).map { line in ["count", "name"].map { cell(line, $0) } }
        return [
            TextTable(["EXPOSURES", "UNITS", "KIND", "NAME", "RULE", "VALUE", ""], exposures).text,
            TextTable(["EVENTS", "NAME"], events).text,
        ].joined(separator: "\n\n")
    }
}
