// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateControlPlane
import FloodgateJSON
import FloodgateSpecs

/// An experiment's groups with their shares and values, or a layer's experiments with theirs.
package struct GroupsView: Sendable {
    package let groupsHint: String
    package let parameterNames: [String]
    package let groupRows: [GroupRow]

    private static let colours = 6

    package init?(_ entity: Entity, inLayer: Bool) {
        guard entity.kind == .experiment || entity.kind == .autotune else { return nil }
        let rules = entity.spec.rules.filter { $0.isExperimentGroup == true }
        guard !rules.isEmpty else { return nil }
        var names: [String] = []
        for name in rules.flatMap({ $0.returnValue.objectValue?.names ?? [] }) where !names.contains(name) {
            names.append(name)
        }
        self.parameterNames = names
        self.groupsHint = inLayer ? "Of those whom the layer assigns to this experiment" : "Of those who take part"
        var taken: Int64 = 0
        self.groupRows = rules.enumerated().map { index, rule in
            let share = Self.share(of: rule, after: taken)
            let start = taken
            if let share { taken += share }
            return GroupRow(
                groupIndex: index % Self.colours,
                groupTitle: rule.groupName ?? rule.name,
                groupShare: share.map(ValueInWords.permille) ?? "–",
                groupStart: ValueInWords.permille(start),
                groupWidth: ValueInWords.permille(share ?? 0),
                groupValues: names.map { rule.returnValue[$0].map { ValueInWords.short($0, limit: 40) } ?? "–" }
            )
        }
    }

    /// Thousandths of the units that reach `rule` when the first `taken` buckets went to the rules before it.
    static func share(of rule: Rule, after taken: Int64) -> Int64? {
        let buckets = rule.inlineConditions.filter { $0.type == "user_bucket" }
        guard buckets.count == 1, let bucket = buckets.first, bucket.operator == "lt" else { return nil }
        guard let end = bucket.targetValue?.integerValue, end >= taken, end <= 1000 else { return nil }
        return end - taken
    }
}

/// One group.
package struct GroupRow: Sendable {
    package let groupIndex: Int
    package let groupTitle: String
    package let groupShare: String
    package let groupStart: String
    package let groupWidth: String
    package let groupValues: [String]
}
