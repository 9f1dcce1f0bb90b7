// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

@_spi(Tape) public import FloodgateJSON

extension SpecDocument {
    /// Reads a document of either shape, as leniently as Statsig's Rust core: a broken spec is dropped alone.
    /// - Returns: nil if the answer says that there is nothing new (`has_updates: false`).
    /// - Throws: `SpecError` if the core would refuse the whole document.
    public static func read(_ bytes: [UInt8], limits: JSONLimits = .documents) throws(SpecError) -> SpecDocument? {
        try JSONTape.reading(bytes, limits: limits, orThrow: { SpecError($0) }) { tape throws(SpecError) in
            try SpecDocument(tape.root)
        }
    }

    /// Reads a document of either shape from parsed JSON; see `read(_:limits:)`.
    public static func read(_ json: JSONValue) throws(SpecError) -> SpecDocument? {
        try SpecError.reading(json) { root throws(SpecError) in try SpecDocument(root) }
    }

    private init?(_ root: JSONView) throws(SpecError) {
        guard var reader = try SpecDocumentReader.opening(root) else { return nil }
        self.init(time: reader.time, checksum: reader.checksum)
        var copier = SpecReader()
        var conditions = ConditionTable()
        try reader.readConditions { id, condition in
            conditions.append(Condition(condition, &copier), as: id.text ?? "")
        }
        self.conditions = conditions
        gates = try specs(.gates, &reader, &copier)
        dynamicConfigs = try specs(.dynamicConfigs, &reader, &copier)
        layers = try specs(.layers, &reader, &copier)
        var experimentToLayer: [String: String] = [:]
        try reader.readLayers { experiment, layer in experimentToLayer[experiment.text ?? ""] = layer.text ?? "" }
        self.experimentToLayer = experimentToLayer
        for member in reader.others { others[member.name.text ?? ""] = member.value.value }
        try reader.checkOthers()
        dropped = reader.dropped
    }

    private mutating func specs(
        _ part: SpecDocumentReader.Part,
        _ reader: inout SpecDocumentReader,
        _ copier: inout SpecReader
    ) throws(SpecError) -> [Spec] {
        let isNamed = reader.shape == .v1
        var specs: [Spec] = []
        try reader.readSpecs(part) { spec in specs.append(Spec(spec, isNamed: isNamed, &copier)) }
        return isNamed ? specs.map { interned($0) } : specs
    }

    /// The spec with its inline conditions moved into the document's table.
    public mutating func interned(_ spec: Spec) -> Spec {
        var spec = spec
        for rule in spec.rules.indices {
            for condition in spec.rules[rule].conditions.indices {
                guard case .inline(let content) = spec.rules[rule].conditions[condition] else { continue }
                spec.rules[rule].conditions[condition] = .id(conditions.intern(content))
            }
        }
        return spec
    }

    /// The spec with its conditions written out, so that it stands alone; ids that the table lacks stay ids.
    public func selfContained(_ spec: Spec) -> Spec {
        var spec = spec
        for rule in spec.rules.indices {
            for index in spec.rules[rule].conditions.indices {
                guard let content = condition(spec.rules[rule].conditions[index]) else { continue }
                spec.rules[rule].conditions[index] = .inline(content)
            }
        }
        return spec
    }
}

extension JSONLimits {
    /// Limits for config-specs documents: 128 levels, 64 MiB; text after the closing brace is ignored, as in Statsig's Rust core.
    public static var documents: JSONLimits { JSONLimits(ignoresTrailingText: true) }
}
