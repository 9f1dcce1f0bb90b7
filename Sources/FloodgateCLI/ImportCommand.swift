// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateControlPlane
import FloodgateServer

/// `floodgate import`: takes another system's content over.
struct ImportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import",
        abstract: "Take over the content of another system.",
        discussion: "What is imported takes the place of what the project holds; the history of both stays.",
        subcommands: [ImportStatsigCommand.self]
    )
}

/// `floodgate import statsig`: takes a config-specs document as the project's content.
struct ImportStatsigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "statsig",
        abstract: "Import a Statsig config-specs document.",
        discussion: """
            FILE is what Statsig's servers answer to download_config_specs, in shape v1 or v2:

              curl https://api.statsigcdn.com/v2/download_config_specs/YOUR-SERVER-KEY.json > specs.json
              floodgate import statsig specs.json --data floodgate-data

            All gates, configs, experiments, layers and segments of the document take the place of what the project holds, \
            in one change. A file with a fault is refused with the JSON Pointer of the first one (exit code 65), and \
            nothing is changed. ID lists are not part of the document.
            """
    )

    @Argument(help: ArgumentHelp("The document; - is standard input.", valueName: "file")) var file: String
    @Option(help: ArgumentHelp("Why, for the audit log.", valueName: "text")) var reason: String?
    @OptionGroup var waiting: WaitOption
    @OptionGroup var data: DataOption

    func run() async throws {
        let bytes = try InputFile.bytes(of: file, limit: 64 << 20)
        try await waiting.prepare(data)
        let control = try await data.newProject()
        let summary = try await imported(bytes, into: control)
        for warning in summary.warnings { StandardStreams.error("warning: \(warning)\n") }
        let kinds = EntityKind.allCases.compactMap { kind in
            summary.counts[kind].map { "\($0) \(kind.rawValue.replacing("_", with: " "))\($0 == 1 ? "" : "s")" }
        }
        print("Imported \(kinds.isEmpty ? "an empty document" : kinds.joined(separator: ", "))")
        print(
            "\(summary.added) added, \(summary.changed) changed, \(summary.removed) removed, \(summary.unchanged) as before"
        )
        try await waiting.finish(control, data, quietly: false)
    }

    private func imported(_ bytes: [UInt8], into control: ControlPlane) async throws -> ImportSummary {
        do {
            return try await control.importDocument(bytes, by: Change(actor: Actor.name, reason: reason))
        } catch {
            guard error.code == .invalid else { throw error }
            throw CommandFailure(.badInput, "\(file) was not imported: \(error)")
        }
    }
}
