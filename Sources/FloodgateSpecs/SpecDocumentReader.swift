// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

@_spi(Tape) package import FloodgateJSON

enum DocumentMember: Int, MemberName {
    case hasUpdates, time, checksum, conditionMap, gates, dynamicConfigs, layers, experimentToLayer, layerNames

    static let names: [StaticString] = [
        "has_updates", "time", "checksum", "condition_map", "feature_gates", "dynamic_configs", "layer_configs",
        "experiment_to_layer", "layers",
    ]

    /// The members that are read in one of the shapes; others are kept as they came.
    func isRead(in shape: SpecDocument.Shape) -> Bool {
        switch self {
        case .hasUpdates, .time, .checksum, .gates, .dynamicConfigs, .layers: true
        case .conditionMap, .experimentToLayer: shape == .v2
        case .layerNames: shape == .v1
        }
    }
}

/// Reads a document of either shape off a tape, as leniently as Statsig's Rust core: a broken spec is dropped alone.
///
/// Its methods are called once and in the order in which they stand here; what they throw refuses the whole document.
package struct SpecDocumentReader: ~Copyable {
    /// The lists of specs.
    package enum Part: CaseIterable, Sendable { case gates, dynamicConfigs, layers }

    /// How the document is laid out.
    package let shape: SpecDocument.Shape
    /// When the content last changed, in Unix milliseconds.
    package let time: UInt64
    /// Changes whenever the content does.
    package let checksum: String?
    /// Specs that could not be read and are left out.
    package private(set) var dropped: [SpecError] = []

    private var members: MemberSlots<DocumentMember>
    private var reader = SpecReader()

    /// Reads what the document says about itself.
    /// - Returns: nil if the answer says that there is nothing new (`has_updates: false`).
    package static func opening(_ root: JSONView) throws(SpecError) -> SpecDocumentReader? {
        let members = try MemberSlots<DocumentMember>(of: root)
        guard let shape = try shape(of: members) else { return nil }
        let time = try members.unsigned(.time)
        let checksum = try members.optionalText(.checksum)?.text
        return SpecDocumentReader(shape: shape, time: time, checksum: checksum, members: members)
    }

    private init(
        shape: SpecDocument.Shape,
        time: UInt64,
        checksum: String?,
        members: consuming MemberSlots<DocumentMember>
    ) {
        self.shape = shape
        self.time = time
        self.checksum = checksum
        self.members = members
    }

    private static func shape(of members: borrowing MemberSlots<DocumentMember>) throws(SpecError) -> SpecDocument
        .Shape?
    {
        if members[.conditionMap] == nil, members[.gates]?.kind == .array {
            return try members.optionalFlag(.hasUpdates) == false ? nil : .v1
        }
        if members[.conditionMap] == nil, members[.gates] == nil, members[.hasUpdates]?.flag == false { return nil }
        return try members.flag(.hasUpdates) ? .v2 : nil
    }

    /// Reads the table of conditions.
    package mutating func readConditions(_ body: (JSONView, ConditionView) -> Void) throws(SpecError) {
        guard shape == .v2 else { return }
        for member in try members.object(.conditionMap).uniqueMembers {
            let condition: ConditionView
            do throws(SpecError) { condition = try reader.readCondition(member.value) } catch {
                throw error.under(member.name.text ?? "").under("condition_map")
            }
            body(member.name, condition)
        }
    }

    /// Reads one of the lists of specs; those that are broken become `dropped`.
    package mutating func readSpecs(_ part: Part, _ body: (SpecView) -> Void) throws(SpecError) {
        let name: DocumentMember =
            switch part {
            case .gates: .gates
            case .dynamicConfigs: .dynamicConfigs
            case .layers: .layers
            }
        switch shape {
        case .v2:
            let list = try members.object(name)
            var view = SpecView(startingAt: list)
            for member in list.uniqueMembers {
                do throws(SpecError) {
                    try reader.readSpec(member.value, named: member.name, into: &view)
                    try Self.refuseInlineConditions(view)
                    body(view)
                } catch { drop(error.under(member.name.text ?? ""), from: name) }
            }
        case .v1:
            let list = part == .gates ? try members.list(name) : members[name]
            guard let list, list.kind == .array else { return }
            var view = SpecView(startingAt: list)
            for (index, json) in list.items.enumerated() {
                do throws(SpecError) {
                    try reader.readSpec(json, named: nil, into: &view)
                    body(view)
                } catch { drop(error.under(index), from: name) }
            }
        }
    }

    private mutating func drop(_ error: SpecError, from name: DocumentMember) {
        dropped.append(error.under(MemberSlots<DocumentMember>.spelling(of: name)))
    }

    /// The core knows no conditions written out in place.
    private static func refuseInlineConditions(_ spec: SpecView) throws(SpecError) {
        for (index, rule) in spec.rules.enumerated() {
            for (place, condition) in rule.conditions.items.enumerated() where condition.kind == .object {
                throw SpecError(wanted: "the id of a condition").under(place).under("conditions").under(index)
                    .under("rules")
            }
        }
    }

    /// Reads which layer each experiment lives in.
    package func readLayers(_ body: (_ experiment: JSONView, _ layer: JSONView) -> Void) throws(SpecError) {
        switch shape {
        case .v2:
            for member in try members.object(.experimentToLayer).uniqueMembers {
                guard member.value.kind == .string else {
                    throw SpecError(wanted: "a layer's name").under(member.name.text ?? "").under("experiment_to_layer")
                }
                body(member.name, member.value)
            }
        case .v1:
            guard let layers = try members.optionalObject(.layerNames) else { return }
            for layer in layers.uniqueMembers {
                for experiment in layer.value.items where experiment.kind == .string { body(experiment, layer.name) }
            }
        }
    }

    /// Insists on the types of all other members that evaluation reads.
    package func checkOthers() throws(SpecError) {
        for member in others where !member.value.isNull { try TopLevel.check(member.name.text ?? "", member.value) }
    }

    /// All other members, each once.
    package var others: [(name: JSONView, value: JSONView)] {
        guard let root = members.object else { return [] }
        return root.uniqueMembers.filter { member in
            guard let name = members.name(of: member.name) else { return true }
            return !name.isRead(in: shape)
        }
    }
}
