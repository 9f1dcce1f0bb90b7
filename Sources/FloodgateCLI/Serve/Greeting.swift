// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateServer

/// What the server prints when it listens: where the console is, keys, and snippets that work when pasted.
struct Greeting {
    let settings: ServerSettings
    let address: ListenAddress
    /// The good ones.
    let keys: [SDKKey]
    let initialKeys: InitialKeys

    var text: String {
        let url = settings.publicURL ?? settings.localURL(of: address) + settings.pathPrefix
        let server = text(.server) ?? "YOUR-SERVER-KEY"
        return """

            Floodgate \(FloodgateVersion.current) serves \(settings.dataFolder)

              Console     \(url)/
              Server key  \(line(.server))
              Client key  \(line(.client))

            Swift

              import Floodgate

              var options = FloodgateClient.Options()
              options.server = "\(url)"
              let client = FloodgateClient(key: "\(server)", options: options)
              await client.initialize()
              print(client.checkGate("new_checkout", for: FloodgateUser(userID: "u-42")))
              await client.shutdown()

            Python, with Statsig's SDK (pip install statsig-python-core)

              from statsig_python_core import Statsig, StatsigOptions, StatsigUser

              options = StatsigOptions(
                  specs_url="\(url)/v2/download_config_specs",
                  id_lists_url="\(url)/v1/get_id_lists",
                  log_event_url="\(url)/v1/log_event",
                  enable_id_lists=True,
              )
              statsig = Statsig("\(server)", options)
              statsig.initialize().wait()
              print(statsig.check_gate(StatsigUser(user_id="u-42"), "new_checkout"))
              statsig.shutdown().wait()

            curl

              curl -X POST \(url)/v1/check_gate -H 'STATSIG-API-KEY: \(server)' \\
                -d '{"gateName": "new_checkout", "user": {"userID": "u-42"}}'


            """
    }

    /// What the first key of `kind` reads that can still be shown.
    private func text(_ kind: KeyKind) -> String? {
        keys.lazy.filter { $0.kind == kind }.compactMap { initialKeys.text(of: $0) }.first
    }

    private func line(_ kind: KeyKind) -> String {
        if let text = text(kind) { return text }
        let another = "make one with `floodgate keys create \(kind.rawValue)`"
        guard let key = keys.first(where: { $0.kind == kind }) else { return "(none; \(another))" }
        return "\(key.masked) (shown when it was made; \(another.replacing("one", with: "another")))"
    }
}
