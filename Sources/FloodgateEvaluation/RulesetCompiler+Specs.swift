// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

@_spi(Tape) import FloodgateJSON
import FloodgateSpecs

extension RulesetCompiler {
    mutating func compile(_ spec: SpecView) {
        let first = Int32(rules.count)
        let salt = spec.salt.bytesOrNone
        for rule in spec.rules {
            if let name = rule.configDelegate?.bytes { pendingDelegates.append((rules.count, name)) }
            let compiled = compiled(rule, salt)
            rules.append(compiled)
        }
        let name = spec.name.bytesOrNone
        names.append((name, Int32(specs.count)))
        var hasMappings = false
        if !mappings.isEmpty {
            pendingSalts.append((name, salt))
            hasMappings = mappings[ExactText(spec.name.text ?? "")] != nil
        }
        specs.append(
            CompiledSpec(
                name: text(name),
                idType: text(spec.idType.bytesOrNone),
                salt: text(salt),
                rules: Extent(first..<Int32(rules.count)),
                defaultValue: value(spec.defaultValue),
                defaultIsTrue: spec.defaultValue.kind == .true,
                isEnabled: spec.isEnabled,
                isActive: spec.isActive,
                isInLayer: spec.hasSharedParams,
                forwardsAllExposures: spec.forwardAllExposures ?? false,
                usesNewLayerEvaluation: spec.useNewLayerEval ?? false,
                entity: EntityKind(spec.entity),
                version: spec.version,
                explicitParameters: list(spec.explicitParameters),
                targetApps: list(spec.targetAppIDs),
                hasMappings: hasMappings
            )
        )
    }

    /// The rule without its delegate, whose place may not be known yet.
    mutating func compiled(_ rule: RuleView, _ specSalt: UnsafeBufferPointer<UInt8>) -> CompiledRule {
        let first = Int32(ruleConditions.count)
        for reference in rule.conditions.items {
            if let id = reference.bytes {
                ruleConditions.append(conditionIndex.find(id))
            } else {
                ruleConditions.append(inlineCondition(reference))
            }
        }
        let percentage = rule.passPercentage.doubleValue
        let share: Share =
            if percentage == 100 { .everyone } else if percentage == 0 { .nobody } else {
                .below(percentage * 100, salt: salt(specSalt, (rule.salt ?? rule.id).bytesOrNone))
            }
        return CompiledRule(
            id: text(rule.id.bytesOrNone),
            conditions: Extent(first..<Int32(ruleConditions.count)),
            share: share,
            unit: unit(rule.idType.bytesOrNone),
            returnValue: value(rule.returnValue),
            returnsFalse: rule.returnValue.kind == .false,
            isExperimentGroup: rule.isExperimentGroup ?? false,
            groupName: rule.groupName.map { text($0.bytesOrNone) } ?? .none,
            delegate: -1,
            samplingRate: rule.samplingRate
        )
    }

    /// A condition written out in place; those that are written alike are one.
    private mutating func inlineCondition(_ json: JSONView) -> Int32 {
        let next = Int32(conditions.count)
        let known = inlineConditionIndex.number(of: bytes(of: json), else: next)
        if known == next { add(ConditionView(knownGood: json)) }
        return known
    }

    mutating func add(_ condition: ConditionView) {
        let operation = self.operation(condition.operator)
        let type = self.type(of: condition)
        if case .gate = type {
            pendingGates.append((conditions.count, condition.targetValue?.bytes ?? JSONView?.none.bytesOrNone))
        }
        var target: Int32 = -1
        switch type {
        case .always, .gate, .unsupported: break
        default:
            target = Int32(targets.count)
            targets.append(Target(condition.targetValue, for: operation))
        }
        var compiled = CompiledCondition(
            type: type,
            operation: operation,
            unit: unit(condition.idType.bytesOrNone),
            field: condition.field.map { field($0.bytesOrNone) } ?? -1,
            target: target
        )
        if case .userField = type, compiled.field >= 0 { compiled.attribute = fields[Int(compiled.field)].builtIn }
        conditions.append(compiled)
    }

    private mutating func type(of condition: ConditionView) -> ConditionType {
        let type = condition.type
        if type.isText("public") { return .always }
        if type.isText("pass_gate") { return gate(condition, isNegated: false) }
        if type.isText("fail_gate") { return gate(condition, isNegated: true) }
        if type.isText("user_field") { return .userField }
        if type.isText("user_bucket") {
            return .bucket(salt: salt((condition.additionalValues?["salt"]).bytesOrNone))
        }
        if type.isText("ip_based") { return .ip }
        if type.isText("ua_based") { return .userAgent }
        if type.isText("environment_field") { return .environment }
        if type.isText("current_time") { return .currentTime }
        if type.isText("unit_id") { return .unit }
        if type.isText("target_app") { return .targetApp }
        if type.isText("experiment_group") { return .experimentGroup }
        return .unsupported
    }

    /// The gate's place comes later.
    private mutating func gate(_ condition: ConditionView, isNegated: Bool) -> ConditionType {
        let name = condition.targetValue.bytesOrNone
        return .gate(
            spec: -1,
            name: text(name),
            isNegated: isNegated,
            isHidden: name.starts(with: "segment:".utf8)
        )
    }

    /// Spelled out once for each spelling.
    private mutating func operation(_ name: JSONView?) -> Operator {
        guard let bytes = name?.bytes else { return .unsupported }
        let next = Int32(operators.count)
        let known = operatorIndex.number(of: bytes, else: next)
        if known == next { operators.append(Operator(name?.text)) }
        return operators[Int(known)]
    }
}

extension EntityKind {
    init(_ name: JSONView) {
        self =
            if name.isText("feature_gate") { .gate } else if name.isText("experiment") {
                .experiment
            } else if name.isText("dynamic_config") { .dynamicConfig } else if name.isText("layer") {
                .layer
            } else if name.isText("segment") { .segment } else if name.isText("holdout") {
                .holdout
            } else if name.isText("autotune") { .autotune } else { .other }
    }
}
