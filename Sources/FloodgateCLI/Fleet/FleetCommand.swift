// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateJSON
import FloodgateServer

/// `floodgate fleet`: who answers from which document.
struct FleetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fleet",
        abstract: "Show which instances of SDKs and edges hold which version.",
        discussion: """
            Asks a running server: the one on the data folder, or --server with --key. Instances are those that were seen \
            in the last 90 seconds: with each poll, or with the reports of SDKs that follow a stream. For each version it \
            shows how many answer from it, and how long after its commit those had it that were there before; then \
            edges, and since when nobody has confirmed to them that they hold the newest one; then those by name that \
            hold an older one.

            With --json it prints the array of `GET /console/v1/fleet`. Exits with 69 if the server does not answer.
            """
    )

    @Option(help: ArgumentHelp("One environment alone.", valueName: "name")) var environment: String?
    @Option(help: ArgumentHelp("How many stragglers to name.", valueName: "count")) var limit = 20
    @Flag(help: "Print JSON.") var json = false
    @OptionGroup var server: ServerOption
    @OptionGroup var data: DataOption

    func validate() throws {
        guard 0...10_000 ~= limit else { throw ValidationError("--limit must be from 0 to 10000") }
    }

    func run() async throws {
        let link = try server.link { try data.folder() }
        let fleets = try await link.fleet(environment: environment, limit: limit)
        if json { return print(JSONValue.array(fleets.map(JSONValue.object)).text) }
        print(fleets.map(FleetText.text).joined(separator: "\n\n"))
    }
}

/// What commands say of a fleet.
enum FleetText {
    static func text(_ fleet: JSONObject) -> String {
        let live = fleet["live"]?.integerValue ?? 0
        let time = fleet["time"]?.integerValue ?? 0
        var text = "\(fleet["environment"]?.stringValue ?? ""): "
        if live == 0 { return text + "no instance was seen lately" }
        let holding = fleet["holding"]?.integerValue ?? 0
        if fleet["estimated"] == true { text += "about " }
        text += "\(holding) of \(live) live \(live == 1 ? "instance holds" : "instances hold") "
        text += "the newest version, of \(Self.time(time))"
        let versions = (fleet["versions"]?.arrayValue ?? []).compactMap(\.objectValue)
            .filter { ($0["instances"]?.integerValue ?? 0) > 0 || $0["delay_ms"] != nil }
        text += "\n\n"
        text +=
            TextTable(
                ["VERSION", "INSTANCES", "P50", "P99", "P99.9", "MAX"],
                versions.map { version in
                    let delay = version["delay_ms"]
                    return [
                        Self.time(version["time"]?.integerValue ?? 0), String(version["instances"]?.integerValue ?? 0),
                    ] + ["p50", "p99", "p999", "max"].map { Self.duration(delay?[$0]?.integerValue) }
                }
            ).text
        let edges = (fleet["edges"]?.arrayValue ?? []).compactMap(\.objectValue)
        if !edges.isEmpty {
            text += "\n\n" + TextTable(["EDGE", "HOLDS", "CONFIRMED", "SEEN", "VIA"], edges.map(Self.edgeRow)).text
        }
        let stragglers = (fleet["stragglers"]?.arrayValue ?? []).compactMap(\.objectValue)
        guard !stragglers.isEmpty else { return text }
        text += "\n\n"
        text += TextTable(["BEHIND", "SDK", "HOLDS", "SEEN", "VIA"], stragglers.map(Self.row)).text
        let rest = live - holding - Int64(stragglers.count)
        return rest > 0 ? text + "\nand \(rest) more" : text
    }

    /// One edge.
    private static func edgeRow(_ edge: JSONObject) -> [String] {
        let confirmed = edge["confirmed_ms_ago"]?.integerValue.map { duration($0) + " ago" }
        let held = row(edge)
        return [held[0], held[2], confirmed ?? "never"] + held[3...]
    }

    /// One instance that is behind.
    private static func row(_ instance: JSONObject) -> [String] {
        let held = instance["time"]?.integerValue ?? 0
        let via = (instance["via"]?.arrayValue ?? []).compactMap(\.stringValue).joined(separator: " < ")
        return [
            name(instance), "\(instance["sdk"]?.stringValue ?? "") \(instance["sdk_version"]?.stringValue ?? "")",
            held == 0 ? "nothing" : time(held), duration(instance["seen_ms_ago"]?.integerValue) + " ago",
            via.isEmpty ? "-" : via,
        ]
    }

    /// What to call an instance: several may share a host.
    static func name(_ instance: JSONObject) -> String {
        let (name, id) = (instance["name"]?.stringValue ?? "", instance["id"]?.stringValue ?? "")
        return name.isEmpty ? id : "\(name) (\(id.prefix(8)))"
    }

    static func time(_ milliseconds: Int64) -> String { SystemClock.text(milliseconds) }

    static func duration(_ milliseconds: Int64?) -> String {
        guard let milliseconds else { return "-" }
        if milliseconds < 10_000 { return "\(milliseconds) ms" }
        let seconds = milliseconds / 1_000
        return seconds < 600 ? "\(seconds) s" : "\(seconds / 60) min"
    }
}
