// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateControlPlane
import FloodgateIngest
import FloodgateServer

/// `floodgate`: the server, and every tool around it.
@main
struct FloodgateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "floodgate",
        abstract: "Feature gates, dynamic configs and experiments that speak Statsig's protocol.",
        discussion: """
            Start a server with a demo project in a folder of its own, and look at http://127.0.0.1:8080:

              floodgate serve --data floodgate-data --demo

            All that is kept lies in that folder. Other commands work on the same folder, whether or not the server runs; \
            what they change is served within a second.

            Settings from the environment, each the default of the option with its name:
              FLOODGATE_DATA          folder of everything that is kept
              FLOODGATE_LISTEN        address to listen at
              FLOODGATE_PUBLIC_URL    what clients call the server
              FLOODGATE_PATH_PREFIX   path in front of all routes
              FLOODGATE_WAREHOUSE     where events are analysed
              FLOODGATE_EVENTS        brokers that events go through
              FLOODGATE_DUCKDB        DuckDB's program
              FLOODGATE_WEBHOOK_SECRET  what posts to the webhook are signed with
              FLOODGATE_LOG_LEVEL     least level that is logged
              FLOODGATE_LOG_FORMAT    json or text
              FLOODGATE_CONSOLE_KEY   for commands that ask a server
              FLOODGATE_UPSTREAM      servers that an edge follows
              FLOODGATE_EDGE_KEY      its key
              FLOODGATE_ROOT_KEY      who it trusts

            Exit codes: 0 done; 1 not found, or something is wrong; 64 wrong use or unknown setting; 65 broken input; \
            66 input is not there; 69 address taken or data in use; 70 a fault in floodgate; 73 the data folder cannot be \
            made or written; 74 a disk failed or stored data is damaged; 75 not everybody holds a change in time.
            """,
        version: FloodgateVersion.current,
        subcommands: [
            ServeCommand.self, EdgeCommand.self, KeysCommand.self, SigningCommand.self, ImportCommand.self,
            GateCommand.self, ListCommand.self, FleetCommand.self, EventsCommand.self,
            EvaluateCommand.self, ExplainCommand.self, CapacityCommand.self, DoctorCommand.self, VersionCommand.self,
        ]
    )

    static func main() async {
        do {
            try CommandSettings.checkNames()
            var command = try parseAsRoot()
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            guard let failure = CommandFailure(of: error) else { exit(withError: error) }
            StandardStreams.error("error: \(failure)\n")
            exit(withError: ExitCode(failure.code.rawValue))
        }
    }
}

/// `floodgate version`.
struct VersionCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "version",
        abstract: "Print the version.",
        discussion: "Prints one line, such as \"floodgate 0.1.0\"."
    )

    func run() { print("floodgate \(FloodgateVersion.current)") }
}
