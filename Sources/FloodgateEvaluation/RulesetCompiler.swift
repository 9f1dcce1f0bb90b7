// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

@_spi(Tape) import FloodgateJSON
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

/// Lays a document out in flat pools, in one pass over its tape.
///
/// Texts and values are looked up by their bytes on the tape, and copied when they are seen first.
struct RulesetCompiler {
    var head = DocumentHead()
    var specs: [CompiledSpec] = []
    var gateSpecs: Range<Int32> = 0..<0
    var configSpecs: Range<Int32> = 0..<0
    var layerSpecs: Range<Int32> = 0..<0
    var gateTable = ByteTable([(text: String, value: Int32)]())
    var configTable = ByteTable([(text: String, value: Int32)]())
    var layerTable = ByteTable([(text: String, value: Int32)]())
    var rules: [CompiledRule] = []
    var ruleConditions: [Int32] = []
    var conditions: [CompiledCondition] = []
    var texts = TextIndex.wellKnown
    var values: [JSONValue] = []
    var targets: [Target] = []
    var fields: [FieldName] = []
    var unitTypes: [(name: String, lowercased: String)] = [("userID", "userid")]
    var salts = ByteArena()
    var textLists: [[String]] = []
    var mappings: [ExactText: [CompiledMapping]] = [:]
    var bandits: [ExactText: Bandit] = [:]

    let source: UnsafeBufferPointer<UInt8>
    var names: [(text: UnsafeBufferPointer<UInt8>, value: Int32)] = []
    var operators: [Operator] = []
    var pendingGates: [(condition: Int, name: UnsafeBufferPointer<UInt8>)] = []
    var pendingDelegates: [(rule: Int, name: UnsafeBufferPointer<UInt8>)] = []
    var pendingSalts: [(name: UnsafeBufferPointer<UInt8>, salt: UnsafeBufferPointer<UInt8>)] = []

    var textIndex = ByteIndex()
    var stringIndex = ByteIndex()
    var valueIndex = ByteIndex()
    var fieldIndex = ByteIndex()
    var unitIndex = ByteIndex()
    var operatorIndex = ByteIndex()
    var conditionIndex = ByteIndex()
    var inlineConditionIndex = ByteIndex()
    var literals: (null: Int32, false: Int32, true: Int32) = (-1, -1, -1)

    /// Prepares for a document that `source` holds; it and its tape must outlive the compiling.
    init(_ source: UnsafeBufferPointer<UInt8> = UnsafeBufferPointer(start: nil, count: 0)) {
        self.source = source
        for (number, text) in TextIndex.wellKnownTexts.enumerated() {
            let bytes = UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
            _ = textIndex.number(of: bytes, else: Int32(number))
        }
    }

    /// Compiles the document that `bytes` hold.
    /// - Parameters:
    ///   - bytes: the document.
    ///   - limits: how much is read.
    ///   - isLenient: whether members that evaluation reads but that are no specs may have any type.
    /// - Returns: nil if the answer says that there is nothing new.
    /// - Throws: `SpecError` if the whole document is refused.
    static func compile(
        _ bytes: [UInt8],
        _ limits: JSONLimits,
        isLenient: Bool
    ) throws(SpecError) -> RulesetCompiler? {
        try JSONTape.reading(bytes, limits: limits, orThrow: { SpecError($0) }) { tape throws(SpecError) in
            guard var reader = try SpecDocumentReader.opening(tape.root) else { return nil }
            var compiler = RulesetCompiler(tape.source)
            try compiler.compile(&reader, tape.root, isLenient)
            return compiler
        }
    }

    private mutating func compile(
        _ reader: inout SpecDocumentReader,
        _ root: JSONView,
        _ isLenient: Bool
    ) throws(SpecError) {
        reserve(root)
        markMappings(root)
        try reader.readConditions { id, condition in
            let index = Int32(conditions.count)
            _ = conditionIndex.number(of: id.bytesOrNone, else: index)
            add(condition)
        }
        (gateTable, gateSpecs) = try compileSpecs(.gates, &reader)
        let gateSalts = pendingSalts
        (configTable, configSpecs) = try compileSpecs(.dynamicConfigs, &reader)
        let configSalts = pendingSalts
        (layerTable, layerSpecs) = try compileSpecs(.layers, &reader)
        let layerSalts = pendingSalts
        try reader.readLayers { _, _ in }
        if !isLenient { try reader.checkOthers() }

        for (rule, name) in pendingDelegates { rules[rule].delegate = configTable.find(name) }
        compileBandits(root["cmab_configs"])
        compileMappings(root, gateSalts, configSalts, layerSalts)
        resolveGates()
        for index in specs.indices { specs[index].isPlain = isPlain(specs[index]) }
        head = DocumentHead(root, reader, self)
        // Their keys are on the tape.
        (textIndex, stringIndex, valueIndex) = (ByteIndex(), ByteIndex(), ByteIndex())
        (conditionIndex, inlineConditionIndex) = (ByteIndex(), ByteIndex())
    }

    /// Makes room for what the document has at least: lists that grow are copied, and a page that is touched first costs
    /// more than reading what is written there.
    private mutating func reserve(_ root: JSONView) {
        let parts: [StaticString] = ["feature_gates", "dynamic_configs", "layer_configs"]
        let specCount = parts.reduce(0) { $0 + (root[$1]?.countHint ?? 0) }
        let conditionCount = root["condition_map"]?.countHint ?? 0
        specs.reserveCapacity(specCount)
        rules.reserveCapacity(specCount * 2)
        ruleConditions.reserveCapacity(specCount * 4)
        texts.reserveCapacity(specCount * 4)
        textIndex.reserve(specCount * 4)
        conditions.reserveCapacity(conditionCount)
        targets.reserveCapacity(conditionCount)
        conditionIndex.reserve(conditionCount)
    }

    private mutating func compileSpecs(
        _ part: SpecDocumentReader.Part,
        _ reader: inout SpecDocumentReader
    ) throws(SpecError) -> (ByteTable, Range<Int32>) {
        let first = Int32(specs.count)
        names = []
        pendingSalts = []
        try reader.readSpecs(part) { spec in compile(spec) }
        return (ByteTable(names), first..<Int32(specs.count))
    }

    /// Gates may be named before they come.
    private mutating func resolveGates() {
        for (index, name) in pendingGates {
            guard case .gate(_, let text, let isNegated, let isHidden) = conditions[index].type else { continue }
            conditions[index].type = .gate(
                spec: gateTable.find(name),
                name: text,
                isNegated: isNegated,
                isHidden: isHidden
            )
        }
    }

    /// Whether the spec can be decided without the state of a full evaluation.
    private func isPlain(_ spec: CompiledSpec) -> Bool {
        if spec.hasMappings || spec.usesNewLayerEvaluation { return false }
        return spec.rules.places.allSatisfy { place in
            let rule = rules[place]
            guard rule.delegate < 0 else { return false }
            return rule.conditions.places.allSatisfy { position in
                let condition = ruleConditions[position]
                return condition >= 0 && conditions[Int(condition)].isPlain
            }
        }
    }

    // MARK: Config mappings and bandits

    /// `compile(_ spec:)` asks whether a name has mappings, and their rules may name conditions only later.
    private mutating func markMappings(_ root: JSONView) {
        guard let overrides = root["overrides"]?.objectIfAny, root["override_rules"]?.objectIfAny != nil else { return }
        for entry in overrides.members { mappings[ExactText(entry.name.text ?? "")] = [] }
    }

    private mutating func compileBandits(_ configs: JSONView?) {
        for bandit in configs?.uniqueMembers ?? [] {
            let name = bandit.name.text ?? ""
            bandits[ExactText(name)] = Bandit(bandit.value, named: name, compiler: &self)
        }
    }

    private typealias Salts = [(name: UnsafeBufferPointer<UInt8>, salt: UnsafeBufferPointer<UInt8>)]

    private mutating func compileMappings(_ root: JSONView, _ gates: Salts, _ configs: Salts, _ layers: Salts) {
        guard let overrides = root["overrides"]?.objectIfAny, let rules = root["override_rules"]?.objectIfAny else {
            return
        }
        var reader = SpecReader()
        let namedRules = Dictionary(
            rules.uniqueMembers.map { (ExactText($0.name.text ?? ""), $0.value) },
            uniquingKeysWith: { _, last in last }
        )
        for entry in overrides.uniqueMembers {
            let original = entry.name
            func salt(_ salts: Salts) -> UnsafeBufferPointer<UInt8> {
                salts.first { original.isText($0.name) }?.salt ?? JSONView?.none.bytesOrNone
            }
            let (gateSalt, configSalt, layerSalt) = (salt(gates), salt(configs), salt(layers))
            var list: [CompiledMapping] = []
            for mapping in entry.value.items {
                var entries: [CompiledMapping.Entry] = []
                if let items = mapping["rules"] {
                    for item in items.items {
                        guard let name = item["rule_name"]?.text, let json = namedRules[ExactText(name)],
                            let rule = try? reader.readRule(json)
                        else { continue }
                        let start = (item["start_time"]?.number?.doubleValue).map { Int64(saturating: $0) } ?? 0
                        entries.append(
                            CompiledMapping.Entry(
                                gateRule: mapped(rule, gateSalt),
                                configRule: mapped(rule, configSalt),
                                layerRule: mapped(rule, layerSalt),
                                startTime: start
                            )
                        )
                    }
                }
                list.append(CompiledMapping(newName: mapping["new_config_name"]?.text ?? "", entries: entries))
            }
            mappings[ExactText(original.text ?? "")] = list
        }
    }

    private mutating func mapped(_ rule: RuleView, _ specSalt: UnsafeBufferPointer<UInt8>) -> CompiledRule {
        var compiled = compiled(rule, specSalt)
        if let name = rule.configDelegate?.bytes { compiled.delegate = configTable.find(name) }
        return compiled
    }
}
