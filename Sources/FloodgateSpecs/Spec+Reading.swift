// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

extension Spec {
    /// Reads a spec of either wire shape: conditions may be ids or objects.
    /// - Parameters:
    ///   - json: the spec's object; in v1 and stored entities it holds its own `name`.
    ///   - name: the spec's name where the object does not hold it (v2).
    ///   - pointer: where the object stands, for the error.
    /// - Throws: `SpecError` at the first member that makes Statsig's Rust core drop the spec.
    public init(json: JSONValue, name: String? = nil, pointer: String = "") throws(SpecError) {
        try self.init(json, name: name, at: Place(pointer: pointer))
    }

    init(_ json: JSONValue, name: String?, at place: Place) throws(SpecError) {
        var reader = try MemberReader(json, at: place)
        self.type = try reader.text("type")
        self.entity = try reader.text("entity")
        self.salt = try reader.text("salt")
        self.isEnabled = try reader.flag("enabled")
        self.defaultValue = try reader.anything("defaultValue")
        self.idType = try reader.text("idType")
        self.explicitParameters = try reader.optionalTexts("explicitParameters")
        self.hasSharedParams = try reader.optionalFlag("hasSharedParams")
        self.isActive = try reader.optionalFlag("isActive")
        self.version = try reader.optionalUnsigned("version", upTo: UInt64(UInt32.max)).map { UInt32($0) }
        self.targetAppIDs = try reader.optionalTexts("targetAppIDs")
        self.forwardAllExposures = try reader.optionalFlag("forwardAllExposures")
        self.useNewLayerEval = try reader.optionalFlag("useNewLayerEval")
        let rules = try reader.list("rules")
        if let name {
            self.name = name
        } else {
            self.name = try reader.text("name")
        }
        self.rules = []
        self.rules.reserveCapacity(rules.count)
        for (index, rule) in rules.enumerated() {
            self.rules.append(try Rule(rule, at: place.member("rules").item(index)))
        }
        self.others = reader.rest
        try reader.check(self.others, texts: ["checksum"], textLists: ["fieldsUsed"])
    }
}

extension Rule {
    /// Reads a rule of either wire shape; see `Spec.init(json:name:pointer:)`.
    /// - Throws: `SpecError` at the first member that makes Statsig's Rust core refuse the rule.
    public init(json: JSONValue, pointer: String = "") throws(SpecError) {
        try self.init(json, at: Place(pointer: pointer))
    }

    init(_ json: JSONValue, at place: Place) throws(SpecError) {
        var reader = try MemberReader(json, at: place)
        self.name = try reader.text("name")
        self.id = try reader.text("id")
        self.salt = try reader.optionalText("salt")
        self.passPercentage = try reader.number("passPercentage")
        self.returnValue = try reader.anything("returnValue")
        self.idType = try reader.text("idType")
        self.groupName = try reader.optionalText("groupName")
        self.configDelegate = try reader.optionalText("configDelegate")
        self.isExperimentGroup = try reader.optionalFlag("isExperimentGroup")
        self.samplingRate = try reader.optionalUnsigned("samplingRate", upTo: UInt64.max)
        let conditions = try reader.list("conditions")
        self.conditions = []
        self.conditions.reserveCapacity(conditions.count)
        for (index, condition) in conditions.enumerated() {
            switch condition {
            case .string(let id): self.conditions.append(.id(id))
            case .object:
                self.conditions.append(.inline(try Condition(condition, at: place.member("conditions").item(index))))
            default: throw place.member("conditions").item(index).wrongType("a condition or the id of one")
            }
        }
        self.others = reader.rest
    }
}

extension Condition {
    init(_ json: JSONValue, at place: Place) throws(SpecError) {
        var reader = try MemberReader(json, at: place)
        self.type = try reader.text("type")
        self.idType = try reader.text("idType")
        self.operator = try reader.optionalText("operator")
        self.field = try reader.optionalText("field")
        self.targetValue = reader.present("targetValue")
        self.additionalValues = try reader.optionalObject("additionalValues")
        for member in self.additionalValues ?? JSONObject() {
            guard case .string = member.value else {
                throw place.member("additionalValues").member(member.name).wrongType("a text")
            }
        }
        self.others = reader.rest
        try reader.check(self.others, texts: ["checksum"])
    }
}
