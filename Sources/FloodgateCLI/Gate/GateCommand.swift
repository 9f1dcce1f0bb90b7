// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateControlPlane
import FloodgateJSON
import FloodgateServer
import FloodgateSpecs

/// `floodgate gate`: looks at gates and turns them.
struct GateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "gate",
        abstract: "List, show, switch and roll out gates.",
        discussion: """
            Every change is one transaction with its audit record, and makes a new snapshot that SDKs get with their next \
            poll or over their stream. It works with and without a running server; with --wait it returns when all live instances \
            hold the change.
            """,
        subcommands: [
            GateListCommand.self, GateShowCommand.self, GateEnableCommand.self, GateDisableCommand.self,
            GateRolloutCommand.self,
        ]
    )
}

/// `floodgate gate list`.
struct GateListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List all gates.",
        discussion: "Prints name, state and rules of each. With --json an array of objects as in `gate show --json`."
    )

    @Flag(help: "Print JSON.") var json = false
    @OptionGroup var data: DataOption

    func run() async throws {
        let state = try await data.project().state()
        let gates = state.entities([.gate])
        if json {
            print(JSONValue.array(gates.map { .object(ConsoleEntity.json($0, in: state)) }).text)
        } else {
            let rows = gates.map { [$0.name, $0.isEnabled ? "on" : "off", GateText.rules($0)] }
            print(TextTable(["NAME", "STATE", "RULES"], rows).text)
        }
    }
}

/// `floodgate gate show`.
struct GateShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one gate with its rules.",
        discussion:
            "With --json the gate as `GET /console/v1/gates/NAME` has it. Exits with 1 if there is no such gate."
    )

    @Argument(help: "The gate's name.") var name: String
    @Flag(help: "Print JSON.") var json = false
    @OptionGroup var data: DataOption

    func run() async throws {
        let control = try data.project()
        try GateText.show(try await control.entity(.gate, name), in: try await control.state(), asJSON: json)
    }
}

/// What `gate enable` and `gate disable` have in common.
struct GateSwitch: ParsableArguments {
    @Argument(help: "The gate's name.") var name: String
    @Option(help: ArgumentHelp("Why, for the audit log.", valueName: "text")) var reason: String?
    @Flag(help: "Print the gate as JSON.") var json = false
    @OptionGroup var waiting: WaitOption
    @OptionGroup var data: DataOption

    func set(enabled: Bool) async throws {
        let control = try data.project()
        try await waiting.prepare(data)
        let change = try await control.setGate(name, enabled: enabled, by: Change(actor: Actor.name, reason: reason))
        if json {
            try GateText.show(change.gate, in: try await control.state(), asJSON: true)
        } else {
            print("\(name) is \(change.didChange ? "now" : "already") \(enabled ? "on" : "off")")
        }
        try await waiting.finish(control, data, quietly: json)
    }
}

/// `floodgate gate enable`.
struct GateEnableCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "enable",
        abstract: "Switch a gate on.",
        discussion: "Its rules are as they were before it was switched off. Exits with 1 if there is no such gate."
    )

    @OptionGroup var options: GateSwitch

    func run() async throws { try await options.set(enabled: true) }
}

/// `floodgate gate disable`.
struct GateDisableCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable",
        abstract: "Switch a gate off for everyone.",
        discussion: "Its rules wait until it is switched on again. Exits with 1 if there is no such gate."
    )

    @OptionGroup var options: GateSwitch

    func run() async throws { try await options.set(enabled: false) }
}

/// `floodgate gate rollout`.
struct GateRolloutCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rollout",
        abstract: "Set the share of units that a gate lets through.",
        discussion: """
            PERCENT is from 0 to 100, with at most four decimals. Units that pass keep passing while it grows.

            Without --rule it is the percentage of the gate's only rule, or of its last one if that is for everyone; a gate \
            without rules gets one for everyone. If it is not clear which rule is meant, the command names them and \
            changes nothing (exit code 65). Exits with 1 if there is no such gate or rule.
            """
    )

    @Argument(help: "The gate's name.") var name: String
    @Argument(help: "From 0 to 100.") var percent: Double
    @Option(help: ArgumentHelp("The rule's id.", valueName: "id")) var rule: String?
    @Option(help: ArgumentHelp("Why, for the audit log.", valueName: "text")) var reason: String?
    @Flag(help: "Print the gate as JSON.") var json = false
    @OptionGroup var waiting: WaitOption
    @OptionGroup var data: DataOption

    func run() async throws {
        let control = try data.project()
        try await waiting.prepare(data)
        let change = try await control.setRollout(
            gate: name,
            percent: percent,
            ruleID: rule,
            by: Change(actor: Actor.name, reason: reason)
        )
        if json {
            try GateText.show(change.gate, in: try await control.state(), asJSON: true)
        } else {
            let state = change.gate.isEnabled ? "" : " (but the gate is off)"
            let verb = change.didChange ? "now passes" : "passes already"
            print("\(name) \(verb) \(GateText.percentage(percent)) %\(state)")
        }
        try await waiting.finish(control, data, quietly: json)
    }
}
