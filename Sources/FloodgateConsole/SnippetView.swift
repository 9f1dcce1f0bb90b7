// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateSpecs

/// Code to paste.
struct SnippetView: Sendable {
    let language: String
    let code: String
    let isOpen: Bool

    /// How an SDK asks for an entity; empty for what SDKs do not ask for.
    static func all(_ content: EntityContent) -> [SnippetView] {
        let entity = content.entity
        let key = content.serverKey ?? "secret-…"
        let name = literal(entity.name)
        let parameter = content.entity.spec.defaultValue.objectValue?.first?.name
        guard let swift = swiftCheck(entity.kind, name, parameter) else { return [] }
        guard let python = pythonCheck(entity.kind, name, parameter) else { return [] }
        return [
            SnippetView(
                language: "Swift",
                code: """
                    import Floodgate

                    var options = FloodgateClient.Options()
                    options.server = \(literal(content.address))
                    options.enableIDLists = true
                    let client = FloodgateClient(
                        key: \(literal(key)),
                        options: options
                    )
                    await client.initialize()
                    let user = FloodgateUser(userID: "u-7")
                    \(swift)
                    """,
                isOpen: true
            ),
            SnippetView(
                language: "Python (Statsig’s SDK)",
                code: """
                    from statsig_python_core import Statsig, StatsigOptions, StatsigUser

                    server = \(literal(content.address))
                    options = StatsigOptions()
                    options.specs_url = server + "/v2/download_config_specs"
                    options.log_event_url = server + "/v1/log_event"
                    options.id_lists_url = server + "/v1/get_id_lists"
                    options.enable_id_lists = True
                    statsig = Statsig(\(literal(key)), options)
                    statsig.initialize().wait()
                    user = StatsigUser("u-7")
                    \(python)
                    """,
                isOpen: false
            ),
            SnippetView(
                language: "curl",
                code: """
                    curl -s \(shell(content.address + "/v2/download_config_specs")) \\
                      -H \(shell("STATSIG-API-KEY: " + key))
                    """,
                isOpen: false
            ),
        ]
    }

    private static func swiftCheck(_ kind: EntityKind, _ name: String, _ parameter: String?) -> String? {
        switch kind {
        case .gate, .holdout: "let passes = client.checkGate(\(name), for: user)"
        case .dynamicConfig: "let config = client.dynamicConfig(\(name), for: user)"
        case .experiment, .autotune: "let experiment = client.experiment(\(name), for: user)"
        case .layer: "let layer = client.layer(\(name), for: user)"
        case .segment: nil
        }
    }

    private static func pythonCheck(_ kind: EntityKind, _ name: String, _ parameter: String?) -> String? {
        switch kind {
        case .gate, .holdout: "print(statsig.check_gate(user, \(name)))"
        case .dynamicConfig: "print(statsig.get_dynamic_config(user, \(name)).value)"
        case .experiment, .autotune: "print(statsig.get_experiment(user, \(name)).value)"
        case .layer: "print(statsig.get_layer(user, \(name)).get(\(literal(parameter ?? "parameter")), None))"
        case .segment: nil
        }
    }

    /// A text literal that Swift and Python read alike, for texts without control characters.
    private static func literal(_ text: String) -> String { JSONValue.string(text).text }

    /// One argument of a shell.
    private static func shell(_ text: String) -> String {
        "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
