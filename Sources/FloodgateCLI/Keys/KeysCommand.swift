// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateControlPlane
import FloodgateEvaluation
import FloodgateJSON
import FloodgateServer

/// `floodgate keys`: what opens the project to programs.
struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "List, create and revoke keys.",
        discussion: """
            A server key downloads specs, a client key gets evaluated values only, a console key changes the project. \
            A running server knows of a new or revoked key within a second. Keys are kept as hashes, so a key is shown \
            when it is made and never again, but for the first ones of a project for as long as initial-keys.json is in \
            the data folder.
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
            Prints kind, environment, key and end of each. Of a key that cannot be shown any more only the last four \
            characters are known. With --json one array of objects with the members kind (server, client, console, edge or delivery), \
            key (null if it cannot be shown), environment, name (which `keys revoke` takes), created_time and \
            expires_time (Unix milliseconds, or null), the oldest first.
            """
    )

    @Flag(help: "Print JSON.") var json = false
    @OptionGroup var data: DataOption

    func run() async throws {
        let now = SystemClock.now()
        let keys = try await data.project().keys().filter { $0.isGood(at: now) }
        let initialKeys = InitialKeys(in: try data.folder())
        if json {
            print(JSONValue.array(keys.map { $0.json(text: initialKeys.text(of: $0)) }).text)
        } else {
            let rows = keys.map { key in
                [
                    key.kind.rawValue, key.environment, initialKeys.text(of: key) ?? key.masked,
                    key.expiresTime.map { Timestamps.text(ofMilliseconds: $0) } ?? "never",
                ]
            }
            print(TextTable(["KIND", "ENVIRONMENT", "KEY", "EXPIRES"], rows).text)
        }
    }
}

/// `floodgate keys create`.
struct KeysCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Create a key and print it, once.",
        discussion: """
            KIND is server, client, console, edge (for `floodgate edge`) or delivery (the id of an address that caches may \
            keep, /delivery/v1/ID). Prints the key alone, or an object as in `keys list --json`. Write it down: \
            Floodgate keeps only its hash.
            """
    )

    @Argument(help: "server, client, console, edge or delivery.") var kind: KeyKind
    @Option(help: ArgumentHelp("The environment that the key opens.", valueName: "name"))
    var environment = ControlPlane.defaultEnvironment
    @Option(
        help: ArgumentHelp(
            "After how long it ends to work, such as 90d, 12h or 30m (default: never).",
            valueName: "time"
        )
    )
    var expires: Lifetime?
    @Option(help: ArgumentHelp("Why, for the audit log.", valueName: "text")) var reason: String?
    @Flag(help: "Print JSON.") var json = false
    @OptionGroup var data: DataOption

    func run() async throws {
        let issued = try await data.project().createKey(
            kind,
            environment: environment,
            lifetime: expires?.milliseconds,
            by: Change(actor: Actor.name, reason: reason)
        )
        print(json ? issued.key.json(text: issued.text).text : issued.text)
    }
}

/// `floodgate keys revoke`.
struct KeysRevokeCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "revoke",
        abstract: "Revoke a key for good.",
        discussion: "Whoever still uses the key is refused from then on. Exits with 1 if there is no such key."
    )

    @Argument(help: "The whole key, or what `keys list` shows of it, such as secret-…Wx4z.") var key: String
    @Option(help: ArgumentHelp("Why, for the audit log.", valueName: "text")) var reason: String?
    @OptionGroup var data: DataOption

    func run() async throws {
        try await data.project().revokeKey(key, by: Change(actor: Actor.name, reason: reason))
        print("Revoked")
    }
}

extension KeyKind: ExpressibleByArgument {}

/// How long a key lives: a number with s, m, h or d behind it.
struct Lifetime: ExpressibleByArgument {
    let milliseconds: Int64

    init?(argument: String) {
        let units: [Character: Int64] = ["s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000]
        guard let last = argument.last, let unit = units[last], let number = Int64(argument.dropLast()) else {
            return nil
        }
        let (product, isBeyond) = number.multipliedReportingOverflow(by: unit)
        guard number > 0, !isBeyond else { return nil }
        milliseconds = product
    }
}

extension SDKKey {
    /// The key as `keys list --json` has it; stable, since scripts read it.
    func json(text: String?) -> JSONValue {
        [
            "kind": .string(kind.rawValue), "key": text.map { .string($0) } ?? .null,
            "environment": .string(environment), "name": .string(masked), "created_time": .integer(createdTime),
            "expires_time": expiresTime.map { .integer($0) } ?? .null,
        ]
    }
}
