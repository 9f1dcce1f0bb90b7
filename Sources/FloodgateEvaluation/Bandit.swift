// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

@_spi(Tape) import FloodgateJSON

/// A contextual bandit (`cmab_configs`): it gives each user the group with the best score for the user's attributes.
struct Bandit: Sendable {
    struct Group: Sendable {
        let name: TextIndex
        let id: TextIndex
        let parameters: Int32
        let model: Model?
    }

    struct Model: Sendable {
        let base: Double
        let records: Double
        let numerical: [(field: Int32, weight: Double)]
        let categorical: [(field: Int32, weights: JSONObject)]

        var isEmpty: Bool { numerical.isEmpty && categorical.isEmpty }
    }

    let name: String
    /// Apps that see the bandit in client responses.
    let targetApps: [String]?
    let salt: Extent
    let unit: UnitIndex
    let idType: TextIndex
    let version: UInt32?
    let defaultValue: Int32
    let isEnabled: Bool
    let sampleRate: Double
    let higherIsBetter: Bool
    let groups: [Group]
    let hasModels: Bool
    /// The targeting gate's name, and its place among the specs or -1.
    let targeting: (name: TextIndex, spec: Int32, isHidden: Bool)?

    init(_ json: JSONView, named name: String, compiler: inout RulesetCompiler) {
        self.name = name
        targetApps = json["targetAppIDs"].flatMap { $0.kind == .array ? $0.items.compactMap(\.text) : nil }
        salt = compiler.salt(json["salt"].bytesOrNone)
        unit = compiler.unit(json["idType"].bytesOrNone)
        idType = compiler.text(json["idType"].bytesOrNone)
        version = json["version"]?.number?.exactInteger.flatMap { UInt32(exactly: $0) }
        defaultValue = compiler.value(json["defaultValue"])
        isEnabled = json["enabled"]?.flag ?? false
        sampleRate = json["sampleRate"]?.number?.doubleValue ?? 0
        higherIsBetter = json["higherIsBetter"]?.flag ?? true
        let models = json["config"]?.objectIfAny
        hasModels = models != nil
        var groups: [Group] = []
        if let list = json["groups"] {
            for group in list.items {
                let id = group["id"].bytesOrNone
                // Of models of one name, the last counts.
                var model: JSONView?
                if let models { for member in models.members where member.name.isText(id) { model = member.value } }
                groups.append(
                    Group(
                        name: compiler.text(group["name"].bytesOrNone),
                        id: compiler.text(id),
                        parameters: compiler.value(group["parameterValues"]),
                        model: model.map { Self.model($0, &compiler) }
                    )
                )
            }
        }
        self.groups = groups
        targeting = json["targetingGateName"]?.bytes.map { name in
            (compiler.text(name), compiler.gateTable.find(name), name.starts(with: "segment:".utf8))
        }
    }

    private static func model(_ json: JSONView, _ compiler: inout RulesetCompiler) -> Model {
        var numerical: [(field: Int32, weight: Double)] = []
        for member in json["weightsNumerical"]?.uniqueMembers ?? [] {
            numerical.append((compiler.field(member.name.bytesOrNone), member.value.number?.doubleValue ?? 0))
        }
        var categorical: [(field: Int32, weights: JSONObject)] = []
        for member in json["weightsCategorical"]?.uniqueMembers ?? [] {
            categorical.append((compiler.field(member.name.bytesOrNone), member.value.object))
        }
        let base = (json["alpha"]?.number?.doubleValue ?? 0) + (json["intercept"]?.number?.doubleValue ?? 0)
        return Model(
            base: base,
            records: json["records"]?.number?.doubleValue ?? 0,
            numerical: numerical,
            categorical: categorical
        )
    }
}

extension Ruleset {
    func evaluate(
        _ bandit: Bandit,
        for user: FloodgateUser,
        in surroundings: Surroundings,
        _ session: inout Session,
        into outcome: inout Outcome
    ) {
        var isTargeted = true
        if bandit.isEnabled, !bandit.groups.isEmpty, let targeting = bandit.targeting {
            isTargeted = ask(targeting, for: user, in: surroundings, &session, into: &outcome)
        }
        if session.isTooDeep { return }
        outcome.answer = -1
        outcome.idType = bandit.idType
        outcome.version = bandit.version
        outcome.isActive = bandit.isEnabled
        outcome.value = .pooled(bandit.defaultValue)
        outcome.bool = false
        guard bandit.isEnabled, !bandit.groups.isEmpty else {
            outcome.ruleID = .prestart
            return
        }
        guard isTargeted else {
            outcome.ruleID = .inlineTargetingRules
            return
        }
        let bucket = hash(bandit.salt, bandit.unit, of: user.storage) % 10_000
        let chosen: (group: Bandit.Group, isExploring: Bool)
        if !bandit.hasModels {
            let number = Int(Double(bucket) / (10_000 / Double(bandit.groups.count)))
            chosen = (bandit.groups[min(number, bandit.groups.count - 1)], true)
        } else if Double(bucket) < bandit.sampleRate * 10_000 {
            chosen = (explore(bandit, surroundings), true)
        } else {
            chosen = (exploit(bandit, for: user, in: surroundings), false)
        }
        if session.isTraced { traceChoice(bandit, chosen, bucket, user, surroundings, session) }
        outcome.bool = true
        outcome.value = .pooled(chosen.group.parameters)
        outcome.groupName = chosen.group.name
        outcome.ruleID = chosen.group.id
        if chosen.isExploring { outcome.isExploring = true }
    }

    /// Asks the targeting gate in the bandit's own state, as the Rust core does: group name and more stay behind in it.
    func ask(
        _ targeting: (name: TextIndex, spec: Int32, isHidden: Bool),
        for user: FloodgateUser,
        in surroundings: Surroundings,
        _ session: inout Session,
        into outcome: inout Outcome
    ) -> Bool {
        outcome.bool = false
        // The gate counts as one more delegation; where there may be no more of them, it is false and leaves no trace.
        guard session.delegations < Session.maximalDelegation else { return false }
        session.delegations += 1
        evaluate(
            targeting.spec,
            named: text(targeting.name),
            as: .gate,
            for: user,
            in: surroundings,
            &session,
            into: &outcome
        )
        session.delegations -= 1
        if session.isTooDeep {
            // Gates that are nested too deep are an answer here: false.
            guard session.forgive() else { return false }
            outcome.bool = false
        } else {
            // The gate is asked as at the top, whose end decides what was asked without any delegation.
            outcome.settle()
        }
        if outcome.status == .unrecognized { outcome.status = .recognized }
        if !targeting.isHidden {
            // Unlike a gate condition, a bandit also records a gate that the document does not know.
            outcome.exposures.append(
                SecondaryExposure(gate: text(targeting.name), value: outcome.bool, ruleID: text(outcome.ruleID))
            )
        }
        return outcome.bool
    }

    /// A group by chance, the rarer recorded the likelier.
    private func explore(_ bandit: Bandit, _ surroundings: Surroundings) -> Bandit.Group {
        let weights = bandit.groups.map { 1 / (($0.model?.records ?? 0) + 1) }
        var point = surroundings.random() * weights.reduce(0, +)
        for (group, weight) in zip(bandit.groups, weights) {
            if point < weight { return group }
            point -= weight
        }
        return bandit.groups[bandit.groups.count - 1]
    }

    /// The group with the best score, the earlier of equals; by chance where no group can be scored.
    private func exploit(_ bandit: Bandit, for user: FloodgateUser, in surroundings: Surroundings) -> Bandit.Group {
        // Where no score beats the worst there is, not being a number for one, the first group has it.
        var best = (group: bandit.groups[0], score: bandit.higherIsBetter ? -Double.infinity : .infinity)
        var isAnyScored = false
        for group in bandit.groups {
            guard let score = score(of: group, for: user, in: surroundings) else { continue }
            isAnyScored = true
            if bandit.higherIsBetter ? score > best.score : score < best.score { best = (group, score) }
        }
        if isAnyScored { return best.group }
        let index = Int(surroundings.random() * Double(bandit.groups.count))
        return bandit.groups[min(max(index, 0), bandit.groups.count - 1)]
    }

    /// What the group's model makes of the user's attributes; nil where it has none that weighs any.
    func score(of group: Bandit.Group, for user: FloodgateUser, in surroundings: Surroundings) -> Double? {
        guard let model = group.model, !model.isEmpty else { return nil }
        var score = model.base
        for (field, weights) in model.categorical {
            guard let text = attribute(field, of: user.storage, in: surroundings).text else { continue }
            score += weights[text]?.doubleValue ?? 0
        }
        for (field, weight) in model.numerical {
            guard let number = attribute(field, of: user.storage, in: surroundings).number else { continue }
            score += number * weight
        }
        return score
    }
}
