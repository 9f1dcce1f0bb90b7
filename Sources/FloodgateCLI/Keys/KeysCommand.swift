// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateControlPlane
import FloodgateJSON

/// `floodgate keys`: what opens the project to programs.
struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "List, create and revoke keys.",
        discussion: """
            A server key downloads specs, a client key gets evaluated values only, a console key changes the project. \
            A running server knows of a new or revoked key within a second.
            """,
        subcommands: [KeysListCommand.self, KeysCreateCommand.self, KeysRevokeCommand.self]
    )
}

/// `floodgate keys list`.
struct KeysListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List the active keys.",
        discussion: """
            Prints kind, environment and key of each. With --json one array of objects with the members kind (server, \
            client or console), key and environment, the oldest first.
            """
    )

    @Flag(help: "Print JSON.") var json = false
    @OptionGroup var data: DataOption

    func run() async throws {
        let keys = try await data.project().keys().filter(\.isActive)
        if json {
            print(JSONValue.array(keys.map(\.json)).text)
        } else {
            print(
                TextTable(["KIND", "ENVIRONMENT", "KEY"], keys.map { [$0.kind.rawValue, $0.environment, $0.key] }).text
            )
        }
    }
}

/// `floodgate keys create`.
struct KeysCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Create a key and print it.",
        discussion: "KIND is server, client or console. Prints the key alone, or an object as in `keys list --json`."
    )

    @Argument(help: "server, client or console.") var kind: KeyKind
    @Option(help: ArgumentHelp("The environment that the key opens.", valueName: "name"))
    var environment = ControlPlane.defaultEnvironment
    @Option(help: ArgumentHelp("Why, for the audit log.", valueName: "text")) var reason: String?
    @Flag(help: "Print JSON.") var json = false
    @OptionGroup var data: DataOption

    func run() async throws {
        let change = Change(actor: Actor.name, reason: reason)
        let key = try await data.project().createKey(kind, environment: environment, by: change)
        print(json ? key.json.text : key.key)
    }
}

/// `floodgate keys revoke`.
struct KeysRevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Revoke a key for good.",
        discussion: "Whoever still uses the key is refused from then on. Exits with 1 if there is no such key."
    )

    @Argument(help: "The whole key.") var key: String
    @Option(help: ArgumentHelp("Why, for the audit log.", valueName: "text")) var reason: String?
    @OptionGroup var data: DataOption

    func run() async throws {
        try await data.project().deactivateKey(key, by: Change(actor: Actor.name, reason: reason))
        print("Revoked")
    }
}

extension KeyKind: ExpressibleByArgument {}

extension SDKKey {
    /// The key as `keys list --json` has it; stable, since scripts read it.
    var json: JSONValue {
        ["kind": .string(kind.rawValue), "key": .string(key), "environment": .string(environment)]
    }
}
