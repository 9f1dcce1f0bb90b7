// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

// What the full path tells the recorder of a traced evaluation. Nothing here runs unless an explanation was asked for.
extension Ruleset {
    /// The entity at `index` (-1: unknown) is about to be evaluated.
    @inline(never)
    func traceEntry(_ index: Int32, _ name: String, _ kind: Kind, _ session: Session) {
        session.recorder?.enter(described(index, name, kind))
    }

    private func described(_ index: Int32, _ name: String, _ kind: Kind) -> Explanation.Evaluation {
        if kind == .experiment, let bandit = bandits[ExactText(name)] {
            var evaluation = Explanation.Evaluation(name: name, kind: "contextual_bandit")
            evaluation.isEnabled = bandit.isEnabled
            return evaluation
        }
        guard index >= 0 else { return Explanation.Evaluation(name: name, kind: kind.explained.rawValue) }
        let spec = specs[Int(index)]
        var evaluation = Explanation.Evaluation(name: name, kind: spec.entity.name ?? kind.explained.rawValue)
        evaluation.isEnabled = spec.isEnabled
        evaluation.ruleCount = spec.rules.places.count
        return evaluation
    }

    /// The entity is done.
    @inline(never)
    func traceExit(_ kind: Kind, _ outcome: Outcome, _ session: Session) {
        session.recorder?.leave { evaluation in
            guard !session.isTooDeep else { return }
            switch outcome.status {
            case .recognized: evaluation.status = .recognized
            case .unrecognized: evaluation.status = .unrecognized
            case .unsupported: evaluation.status = .unsupported
            case .overridden: evaluation.status = .overridden
            }
            evaluation.value = kind == .gate ? .bool(outcome.bool) : rawValue(outcome)
            evaluation.ruleID = ruleID(outcome)
            evaluation.groupName = optionalText(outcome.groupName)
            if kind == .layer { evaluation.parameterRuleIDs = outcome.extras.parameterRuleIDs }
        }
    }

    /// A nested gate's answer is known from before.
    @inline(never)
    func traceMemo(_ index: Int32, _ name: TextIndex, _ memo: Session.Memo, _ session: Session) {
        var evaluation = described(index, text(name), .gate)
        evaluation.status = memo.isUnsupported ? .unsupported : index < 0 ? .unrecognized : .recognized
        evaluation.value = .bool(memo.bool)
        evaluation.ruleID = text(memo.ruleID)
        evaluation.isRemembered = true
        session.recorder?.recall(evaluation)
    }

    /// The conditions of `rule` are about to be tried.
    @inline(never)
    func traceRule(_ rule: CompiledRule, _ session: Session) {
        session.recorder?.begin(
            Explanation.Rule(id: text(rule.id), groupName: optionalText(rule.groupName))
        )
    }

    /// `condition` is about to be evaluated.
    @inline(never)
    func traceCondition(_ condition: CompiledCondition, _ user: FloodgateUser, _ session: Session) {
        session.recorder?.begin {
            var described = Explanation.Condition(type: condition.type.name)
            switch condition.type {
            case .always, .unsupported: break
            case .gate(_, let name, _, _): described.targetValue = .string(text(name))
            case .userField, .ip, .userAgent, .environment, .experimentGroup:
                described.field = condition.field < 0 ? nil : fields[Int(condition.field)].name
            case .bucket(let salt):
                described.unit = unitTypes[Int(condition.unit.index)].name
                described.hashed = hashed(salt, condition.unit, of: user)
            case .unit: described.unit = unitTypes[Int(condition.unit.index)].name
            case .currentTime, .targetApp: break
            }
            switch condition.type {
            case .always, .gate: break
            case .unsupported: described.verdict = .unsupported
            default:
                if condition.operation == .unsupported { described.verdict = .unsupported }
                described.operator = condition.operation.name
                if condition.target >= 0 { described.targetValue = targets[Int(condition.target)].json }
            }
            return described
        }
    }

    /// The document lacks a condition that a rule names.
    @inline(never)
    func traceMissingCondition(_ session: Session) {
        session.recorder?.begin { Explanation.Condition(type: "missing", verdict: .unsupported) }
        session.recorder?.endCondition(passed: false, isUnsupported: true)
        session.recorder?.endConditions(passed: false, isUnsupported: true)
    }

    /// A condition is done.
    @inline(never)
    func traceVerdict(_ outcome: Outcome, _ session: Session) {
        session.recorder?.endCondition(passed: outcome.bool, isUnsupported: outcome.isUnsupported)
    }

    /// All conditions of a rule were tried.
    @inline(never)
    func traceRuleEnd(_ outcome: Outcome, _ session: Session) {
        session.recorder?.endConditions(passed: outcome.bool, isUnsupported: outcome.isUnsupported)
    }

    /// The left value is known.
    @inline(never)
    func traceValue(_ left: Operand, _ condition: CompiledCondition, _ surroundings: Surroundings, _ session: Session) {
        session.recorder?.look { described in
            described.value = left.json
            guard condition.operation == .inSegmentList || condition.operation == .notInSegmentList else { return }
            guard let name = described.targetValue?.stringValue else { return }
            described.listID = left.text.map(IDList.hash(of:))
            described.hasList = surroundings.idLists.keys.contains { $0.isExactly(name) }
        }
    }

    /// Whether `rule` lets the user's unit through is asked.
    @inline(never)
    func traceShare(_ rule: CompiledRule, _ user: FloodgateUser, _ session: Session) {
        session.recorder?.note(share(of: rule, for: user))
    }

    private func share(of rule: CompiledRule, for user: FloodgateUser) -> Explanation.Share {
        let unit = unitTypes[Int(rule.unit.index)].name
        switch rule.share {
        case .everyone: return Explanation.Share(percentage: 100, unit: unit, threshold: 10_000, passes: true)
        case .nobody: return Explanation.Share(percentage: 0, unit: unit, threshold: 0, passes: false)
        case .below(let threshold, let salt):
            let bucket = Int(hash(salt, rule.unit, of: user.storage) % 10_000)
            return Explanation.Share(
                percentage: threshold / 100,
                unit: unit,
                bucket: bucket,
                threshold: threshold,
                hashed: hashed(salt, rule.unit, of: user),
                passes: Double(bucket) < threshold
            )
        }
    }

    /// The text whose hash is taken.
    private func hashed(_ salt: Extent, _ unit: UnitIndex, of user: FloodgateUser) -> String {
        let unit = self.unit(unit, of: user.storage).flatMap { AttributeText.text(of: $0) } ?? ""
        return String(decoding: saltBytes.buffer[salt.places], as: UTF8.self) + unit
    }

    /// A config mapping is about to be tried.
    @inline(never)
    func traceMapping(
        _ mapping: CompiledMapping,
        _ entry: CompiledMapping.Entry,
        _ surroundings: Surroundings,
        _ session: Session
    ) {
        session.recorder?.begin(
            Explanation.Mapping(
                newName: mapping.newName,
                startTime: entry.startTime > 0 ? entry.startTime : nil,
                hasStarted: entry.startTime <= 0 || entry.startTime <= surroundings.now()
            )
        )
    }

    /// No mapping applies; the entity's own rules follow.
    @inline(never)
    func traceMappingsEnd(_ session: Session) { session.recorder?.endMappings() }

    /// A contextual bandit has chosen.
    @inline(never)
    func traceChoice(
        _ bandit: Bandit,
        _ chosen: (group: Bandit.Group, isExploring: Bool),
        _ bucket: UInt64,
        _ user: FloodgateUser,
        _ surroundings: Surroundings,
        _ session: Session
    ) {
        let way: Explanation.Choice.Way = !bandit.hasModels ? .bucket : chosen.isExploring ? .explore : .exploit
        session.recorder?.note(
            Explanation.Choice(
                way: way,
                groupID: text(chosen.group.id),
                groupName: text(chosen.group.name),
                bucket: Int(bucket),
                threshold: bandit.hasModels ? bandit.sampleRate * 10_000 : nil,
                hashed: hashed(bandit.salt, bandit.unit, of: user),
                scores: way == .exploit
                    ? bandit.groups.map { group in
                        Explanation.Choice.Score(
                            groupID: text(group.id),
                            score: score(of: group, for: user, in: surroundings)
                        )
                    } : []
            )
        )
    }
}
