// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

/// One group of a contextual bandit, as it stands in the ranking for one user.
public struct RankedGroup: Sendable, Hashable {
    /// The group's name.
    public var name: String
    /// The group's id, with `:explore` behind it where the order is left to chance.
    public var ruleID: String
    /// The group's parameters; nil where the document has no object to give.
    public var value: JSONObject?
    /// How well the group suits the user; 0 where it has no model, 0.0001 where the order is left to chance.
    public var score: Double
}

extension Evaluator {
    /// Whether the document has a contextual bandit of this name, on or off.
    package func hasBandit(_ name: String) -> Bool { compiled.bandits[ExactText(name)] != nil }

    /// The groups of the contextual bandit, the best for `user` first, the earlier of equals before the later.
    ///
    /// Empty for an unknown bandit, for one that is switched off, and for a user whom its targeting keeps out.
    public func rankedGroups(ofBandit name: String, for user: FloodgateUser) -> [RankedGroup] {
        guard let ruleset, let bandit = ruleset.bandits[ExactText(name)] else { return [] }
        return ruleset.ranking(of: bandit, for: user, in: surroundings)
    }
}

extension Ruleset {
    fileprivate func ranking(
        of bandit: Bandit,
        for user: FloodgateUser,
        in surroundings: Surroundings
    ) -> [RankedGroup] {
        guard bandit.isEnabled, !bandit.groups.isEmpty else { return [] }
        if let targeting = bandit.targeting {
            var session = Session()
            var outcome = Outcome()
            guard ask(targeting, for: user, in: surroundings, &session, into: &outcome), !session.isTooDeep else {
                return []
            }
        }
        guard bandit.hasModels else { return shuffled(bandit.groups, ruleSuffix: "", surroundings) }
        if Double(hash(bandit.salt, bandit.unit, of: user.storage) % 10_000) < bandit.sampleRate * 10_000 {
            return shuffled(bandit.groups, ruleSuffix: ":explore", surroundings)
        }
        let standing = bandit.groups.map { group in
            ranked(group, ruleSuffix: "", score: score(of: group, for: user, in: surroundings) ?? 0)
        }
        // Swift's sort keeps the order of equals.
        return standing.sorted { bandit.higherIsBetter ? $0.score > $1.score : $0.score < $1.score }
    }

    private func ranked(_ group: Bandit.Group, ruleSuffix: String, score: Double) -> RankedGroup {
        RankedGroup(
            name: text(group.name),
            ruleID: text(group.id) + ruleSuffix,
            value: values[Int(group.parameters)].objectValue,
            score: score
        )
    }

    /// The groups in an order left to chance.
    private func shuffled(_ groups: [Bandit.Group], ruleSuffix: String, _ surroundings: Surroundings) -> [RankedGroup] {
        var groups = groups
        for last in groups.indices.dropFirst().reversed() {
            let place = Int(surroundings.random() * Double(last + 1))
            groups.swapAt(last, min(max(place, 0), last))
        }
        return groups.map { ranked($0, ruleSuffix: ruleSuffix, score: 0.0001) }
    }
}
