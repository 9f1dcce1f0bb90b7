// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateControlPlane
import FloodgateSpecs

/// What the rules of dynamic configs and experiments are called, by their ids.
package struct RuleNames: Sendable {
    private var names: [String: [String: String]] = [:]

    /// Collects the rules of `entities`.
    package init(_ entities: [Entity]) {
        for entity in entities where entity.kind.section == .configs {
            for rule in entity.spec.rules { names[entity.name, default: [:]][rule.id] = rule.groupName ?? rule.name }
        }
    }

    func text(config: String, rule: String) -> String? {
        guard let text = names[config]?[rule], !text.isEmpty else { return nil }
        return text
    }
}
