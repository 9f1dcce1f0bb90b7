// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

/// Names of all that answers, in the document's order.
package struct AnsweringNames: Sendable, Hashable {
    /// Gates, without segments and holdouts.
    package var gates: [String] = []
    /// What has parameters: dynamic configs, experiments and autotunes, contextual bandits, layers.
    package var parameterHolders: [String] = []
}

extension Ruleset {
    /// What there is for whoever asks with `clientKey`; a key that belongs to an app sees that app's alone.
    package func names(shownTo clientKey: String?) -> AnsweringNames {
        var options = ClientResponseOptions()
        options.clientSDKKey = clientKey
        let nobody = FloodgateUser()
        let response = ClientResponse(
            ruleset: self,
            surroundings: Surroundings(now: { 0 }),
            user: nobody,
            shown: nobody,
            options: options
        )
        func name(_ index: Int32) -> String { text(specs[Int(index)].name) }
        var names = AnsweringNames()
        for index in gateSpecs where response.isShown(index) { names.gates.append(name(index)) }
        for index in configSpecs where response.isShown(index) { names.parameterHolders.append(name(index)) }
        for bandit in bandits.values.sorted(by: { $0.name < $1.name }) where response.isOfApp(bandit.targetApps) {
            names.parameterHolders.append(bandit.name)
        }
        for index in layerSpecs where response.isShown(index) { names.parameterHolders.append(name(index)) }
        return names
    }
}
