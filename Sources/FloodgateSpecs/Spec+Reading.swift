// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

@_spi(Tape) public import FloodgateJSON

extension Spec {
    /// Reads a spec of either wire shape: conditions may be ids or objects.
    /// - Parameters:
    ///   - json: the spec's object; in v1 and stored entities it holds its own `name`.
    ///   - name: the spec's name where the object does not hold it (v2).
    ///   - pointer: where the object stands, for the error.
    /// - Throws: `SpecError` at the first member that makes Statsig's Rust core drop the spec.
    public init(json: JSONValue, name: String? = nil, pointer: String = "") throws(SpecError) {
        // The name goes the same way as the rest: of a list with both, since it has no place in the object.
        let both = name.map { JSONValue.array([json, .string($0)]) } ?? .array([json])
        do throws(SpecError) {
            self = try SpecError.reading(both) { list throws(SpecError) in
                var items = list.items
                var reader = SpecReader()
                let spec = items.next() ?? list
                var view = SpecView(startingAt: spec)
                let name = items.next()
                try reader.readSpec(spec, named: name, into: &view)
                return Spec(view, isNamed: name == nil, &reader)
            }
        } catch { throw error.at(pointer) }
    }

    /// Copies out what `reader` has just read.
    init(_ view: SpecView, isNamed: Bool, _ reader: inout SpecReader) {
        name = view.name.text ?? ""
        type = view.type.text ?? ""
        entity = view.entity.text ?? ""
        salt = view.salt.text ?? ""
        isEnabled = view.isEnabled
        defaultValue = view.defaultValue.value
        idType = view.idType.text ?? ""
        explicitParameters = view.explicitParameters?.texts
        hasSharedParams = view.hasSharedParams
        isActive = view.isActive
        version = view.version
        targetAppIDs = view.targetAppIDs?.texts
        forwardAllExposures = view.forwardAllExposures
        useNewLayerEval = view.useNewLayerEval
        others = reader.others(of: view, isNamed: isNamed)
        rules = []
        rules.reserveCapacity(view.rules.count)
        for rule in view.rules { rules.append(Rule(rule, &reader)) }
    }
}

extension Rule {
    /// Reads a rule of either wire shape; see `Spec.init(json:name:pointer:)`.
    /// - Throws: `SpecError` at the first member that makes Statsig's Rust core refuse the rule.
    public init(json: JSONValue, pointer: String = "") throws(SpecError) {
        do throws(SpecError) {
            self = try SpecError.reading(json) { json throws(SpecError) in
                var reader = SpecReader()
                return Rule(try reader.readRule(json), &reader)
            }
        } catch { throw error.at(pointer) }
    }

    init(_ view: RuleView, _ reader: inout SpecReader) {
        name = view.name.text ?? ""
        id = view.id.text ?? ""
        salt = view.salt?.text
        passPercentage = view.passPercentage
        returnValue = view.returnValue.value
        idType = view.idType.text ?? ""
        groupName = view.groupName?.text
        configDelegate = view.configDelegate?.text
        isExperimentGroup = view.isExperimentGroup
        samplingRate = view.samplingRate
        conditions = []
        conditions.reserveCapacity(view.conditions.countHint)
        for json in view.conditions.items {
            if let id = json.text {
                conditions.append(.id(id))
            } else {
                conditions.append(.inline(Condition(ConditionView(knownGood: json), &reader)))
            }
        }
        others = reader.others(of: view)
    }
}

extension Condition {
    init(_ view: ConditionView, _ reader: inout SpecReader) {
        type = view.type.text ?? ""
        idType = view.idType.text ?? ""
        self.operator = view.operator?.text
        field = view.field?.text
        targetValue = view.targetValue?.value
        additionalValues = view.additionalValues?.object
        others = reader.others(of: view)
    }
}

extension JSONView {
    /// The texts of a list that holds nothing else.
    fileprivate var texts: [String] { items.compactMap(\.text) }
}

extension SpecError {
    /// Lays `json` out on a tape, which alone is read, and shows it to `body`.
    static func reading<Result>(
        _ json: JSONValue,
        _ body: (JSONView) throws(SpecError) -> Result
    ) throws(SpecError) -> Result {
        // As deep as any reader of JSON goes, so that what was read can be read again.
        let limits = JSONLimits(depth: 512, sizeBytes: .max)
        return try JSONTape.reading(json.bytes, limits: limits, orThrow: { SpecError($0) }) { tape throws(SpecError) in
            try body(tape.root)
        }
    }
}
