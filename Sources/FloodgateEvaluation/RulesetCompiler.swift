// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FloodgateSpecs

/// One entry of `overrides`: a config that answers in place of another, while one of its rules passes.
struct CompiledMapping: Sendable {
    struct Entry: Sendable {
        /// The same rule with the salts of the specs that have the mapped name.
        let gateRule: CompiledRule
        let configRule: CompiledRule
        let layerRule: CompiledRule
        let startTime: Int64

        func rule(of nameSpace: NameSpace) -> CompiledRule {
            switch nameSpace {
            case .gates: gateRule
            case .configs: configRule
            case .layers: layerRule
            }
        }
    }

    let newName: String
    let entries: [Entry]
}

/// Lays a document out in flat pools, in one pass.
struct RulesetCompiler {
    let document: SpecDocument

    private(set) var specs: [CompiledSpec] = []
    private(set) var gateSpecs: Range<Int32> = 0..<0
    private(set) var configSpecs: Range<Int32> = 0..<0
    private(set) var layerSpecs: Range<Int32> = 0..<0
    private(set) var gateTable = ByteTable([])
    private(set) var configTable = ByteTable([])
    private(set) var layerTable = ByteTable([])
    private(set) var rules: [CompiledRule] = []
    private(set) var ruleConditions: [Int32] = []
    private(set) var conditions: [CompiledCondition] = []
    private(set) var texts = TextIndex.wellKnown
    private(set) var values: [JSONValue] = []
    private(set) var targets: [Target] = []
    private(set) var fields: [FieldName] = []
    private(set) var unitTypes: [(name: String, lowercased: String)] = [("userID", "userid")]
    private(set) var saltBytes: [UInt8] = []
    private(set) var textLists: [[String]] = []
    private(set) var mappings: [ExactText: [CompiledMapping]] = [:]
    private(set) var bandits: [ExactText: Bandit] = [:]

    private var textIndices: [ExactText: Int32] = [:]
    private var valueIndices: [JSONValue: Int32] = [:]
    private var fieldIndices: [ExactText: Int32] = [:]
    private var unitIndices: [ExactText: Int32] = [:]
    private var saltPlaces: [ExactText: Extent] = [:]
    private var conditionIndices: [ExactText: Int32] = [:]

    init(_ document: SpecDocument) {
        self.document = document
        for (index, text) in texts.enumerated() { textIndices[ExactText(text)] = Int32(index) }
    }

    mutating func compile() {
        // Names first, since rules refer to gates and experiments by their place.
        let gates = Int32(document.gates.count)
        let configs = Int32(document.dynamicConfigs.count)
        let layers = Int32(document.layers.count)
        gateSpecs = 0..<gates
        configSpecs = gates..<gates + configs
        layerSpecs = gates + configs..<gates + configs + layers
        gateTable = table(document.gates, from: 0)
        configTable = table(document.dynamicConfigs, from: gates)
        layerTable = table(document.layers, from: gates + configs)

        compileMappings()
        for id in document.conditions.ids {
            guard let condition = document.conditions[id] else { continue }
            conditionIndices[ExactText(id)] = Int32(conditions.count)
            conditions.append(compiled(condition))
        }
        specs.reserveCapacity(Int(layerSpecs.upperBound))
        for spec in document.gates { compile(spec) }
        for spec in document.dynamicConfigs { compile(spec) }
        for spec in document.layers { compile(spec) }
        compileBandits()
    }

    private func table(_ specs: [Spec], from start: Int32) -> ByteTable {
        ByteTable(specs.enumerated().map { ($0.element.name, start + Int32($0.offset)) })
    }

    private mutating func compile(_ spec: Spec) {
        let first = Int32(rules.count)
        for rule in spec.rules { rules.append(compiled(rule, specSalt: spec.salt)) }
        specs.append(
            CompiledSpec(
                name: text(spec.name),
                idType: text(spec.idType),
                salt: text(spec.salt),
                rules: Extent(first..<Int32(rules.count)),
                defaultValue: value(spec.defaultValue),
                defaultIsTrue: spec.defaultValue == .bool(true),
                isEnabled: spec.isEnabled,
                isActive: spec.isActive,
                isInLayer: spec.hasSharedParams,
                forwardsAllExposures: spec.forwardAllExposures ?? false,
                usesNewLayerEvaluation: spec.useNewLayerEval ?? false,
                entity: EntityKind(spec.entity),
                version: spec.version,
                explicitParameters: list(spec.explicitParameters),
                targetApps: list(spec.targetAppIDs),
                hasMappings: mappings[ExactText(spec.name)] != nil
            )
        )
    }

    private mutating func compiled(_ rule: Rule, specSalt: String) -> CompiledRule {
        let first = Int32(ruleConditions.count)
        for reference in rule.conditions {
            switch reference {
            case .id(let id): ruleConditions.append(conditionIndices[ExactText(id)] ?? -1)
            case .inline(let condition):
                ruleConditions.append(Int32(conditions.count))
                conditions.append(compiled(condition))
            }
        }
        let percentage = rule.passPercentage.doubleValue
        let share: Share =
            if percentage == 100 { .everyone } else if percentage == 0 { .nobody } else {
                .below(percentage * 100, salt: salt(specSalt, rule.salt ?? rule.id))
            }
        return CompiledRule(
            id: text(rule.id),
            conditions: Extent(first..<Int32(ruleConditions.count)),
            share: share,
            unit: unit(rule.idType),
            returnValue: value(rule.returnValue),
            returnsFalse: rule.returnValue == .bool(false),
            isExperimentGroup: rule.isExperimentGroup ?? false,
            groupName: rule.groupName.map { text($0) } ?? .none,
            delegate: rule.configDelegate.map { configTable.find($0) } ?? -1,
            samplingRate: rule.samplingRate
        )
    }

    private mutating func compiled(_ condition: Condition) -> CompiledCondition {
        let operation = Operator(condition.operator)
        let type: ConditionType
        switch condition.type {
        case "public": type = .always
        case "pass_gate", "fail_gate":
            let name = condition.targetValue?.stringValue ?? ""
            type = .gate(
                spec: gateTable.find(name),
                name: text(name),
                isNegated: condition.type == "fail_gate",
                isHidden: name.utf8.starts(with: "segment:".utf8)
            )
        case "user_field": type = .userField
        case "ip_based": type = .ip
        case "ua_based": type = .userAgent
        case "environment_field": type = .environment
        case "current_time": type = .currentTime
        case "user_bucket": type = .bucket(salt: salt(condition.additionalValues?["salt"]?.stringValue ?? ""))
        case "unit_id": type = .unit
        case "target_app": type = .targetApp
        case "experiment_group": type = .experimentGroup
        default: type = .unsupported
        }
        var target: Int32 = -1
        switch type {
        case .always, .gate, .unsupported: break
        default:
            target = Int32(targets.count)
            targets.append(Target(condition.targetValue, for: operation))
        }
        return CompiledCondition(
            type: type,
            operation: operation,
            unit: unit(condition.idType),
            field: condition.field.map { field($0) } ?? -1,
            target: target
        )
    }

    // MARK: Config mappings and bandits

    private mutating func compileMappings() {
        guard let overrides = document.others["overrides"]?.objectValue,
            let rules = document.others["override_rules"]?.objectValue
        else { return }
        // Marked first: `compile(_ spec:)` asks whether a name has mappings, and rules may name conditions only later.
        for entry in overrides { mappings[ExactText(entry.name)] = [] }
        pendingMappings = (overrides, rules)
    }

    private var pendingMappings: (overrides: JSONObject, rules: JSONObject)?

    private mutating func compileBandits() {
        for bandit in document.others["cmab_configs"]?.objectValue ?? JSONObject() {
            bandits[ExactText(bandit.name)] = Bandit(bandit.value, named: bandit.name, compiler: &self)
        }
        guard let (overrides, rules) = pendingMappings else { return }
        let gateSalts = Self.salts(document.gates)
        let configSalts = Self.salts(document.dynamicConfigs)
        let layerSalts = Self.salts(document.layers)
        for entry in overrides {
            let original = ExactText(entry.name)
            mappings[original] = (entry.value.arrayValue ?? []).map { mapping in
                var entries: [CompiledMapping.Entry] = []
                for item in mapping["rules"]?.arrayValue ?? [] {
                    guard let name = item["rule_name"]?.stringValue, let json = rules[name],
                        let rule = try? Rule(json: json)
                    else { continue }
                    let start = item["start_time"]?.doubleValue.map { Int64(saturating: $0) } ?? 0
                    entries.append(
                        CompiledMapping.Entry(
                            gateRule: compiled(rule, specSalt: gateSalts[original] ?? ""),
                            configRule: compiled(rule, specSalt: configSalts[original] ?? ""),
                            layerRule: compiled(rule, specSalt: layerSalts[original] ?? ""),
                            startTime: start
                        )
                    )
                }
                return CompiledMapping(newName: mapping["new_config_name"]?.stringValue ?? "", entries: entries)
            }
        }
    }

    private static func salts(_ specs: [Spec]) -> [ExactText: String] {
        Dictionary(specs.map { (ExactText($0.name), $0.salt) }, uniquingKeysWith: { first, _ in first })
    }

    // MARK: Pools

    mutating func text(_ text: String) -> TextIndex {
        if let index = textIndices[ExactText(text)] { return TextIndex(index: index) }
        let index = Int32(texts.count)
        texts.append(text)
        textIndices[ExactText(text)] = index
        return TextIndex(index: index)
    }

    mutating func value(_ value: JSONValue) -> Int32 {
        if let index = valueIndices[value] { return index }
        let index = Int32(values.count)
        values.append(value)
        valueIndices[value] = index
        return index
    }

    private mutating func list(_ texts: [String]?) -> Int32 {
        guard let texts else { return -1 }
        textLists.append(texts)
        return Int32(textLists.count - 1)
    }

    mutating func field(_ name: String) -> Int32 {
        if let index = fieldIndices[ExactText(name)] { return index }
        let index = Int32(fields.count)
        fields.append(FieldName(name))
        fieldIndices[ExactText(name)] = index
        return index
    }

    mutating func unit(_ name: String) -> UnitIndex {
        if let index = unitIndices[ExactText(name)] { return UnitIndex(index: index) }
        let lowercased = name.rustLowercased()
        if lowercased == "userid" {
            unitIndices[ExactText(name)] = 0
            return .userID
        }
        let index = Int32(unitTypes.count)
        unitTypes.append((name, lowercased))
        unitIndices[ExactText(name)] = index
        return UnitIndex(index: index)
    }

    /// Keeps the parts, each followed by a dot: all of what is hashed but the unit ID.
    mutating func salt(_ parts: String...) -> Extent {
        // Equal salts share one place: the groups of an experiment are recognised by it.
        let key = ExactText(parts.joined(separator: "."))
        if let known = saltPlaces[key] { return known }
        let start = Int32(saltBytes.count)
        for part in parts {
            saltBytes.append(contentsOf: part.utf8)
            saltBytes.append(UInt8(ascii: "."))
        }
        let place = Extent(start..<Int32(saltBytes.count))
        saltPlaces[key] = place
        return place
    }
}
