// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

extension SpecDocument {
    /// Reads a document of either shape, as leniently as Statsig's Rust core: a broken spec is dropped alone.
    /// - Returns: nil if the answer says that there is nothing new (`has_updates: false`).
    /// - Throws: `SpecError` if the core would refuse the whole document.
    public static func read(_ bytes: [UInt8], limits: JSONLimits = .documents) throws(SpecError) -> SpecDocument? {
        let json: JSONValue
        do { json = try JSONValue(parsing: bytes, limits: limits) } catch { throw SpecError(error) }
        return try read(json)
    }

    /// Reads a document of either shape from parsed JSON; see `read(_:limits:)`.
    public static func read(_ json: JSONValue) throws(SpecError) -> SpecDocument? {
        guard case .object(let object) = json else { throw Place.root.wrongType("an object") }
        if case .array? = object["feature_gates"], object["condition_map"] == nil { return try SpecDocument(v1: json) }
        if object["feature_gates"] == nil, object["condition_map"] == nil, object["has_updates"]?.boolValue == false {
            return nil
        }
        return try SpecDocument(v2: json)
    }

    private init?(v2 json: JSONValue) throws(SpecError) {
        var reader = try MemberReader(json, at: .root)
        guard try reader.flag("has_updates") else { return nil }
        self.init(time: try reader.unsigned("time"), checksum: try reader.optionalText("checksum"))
        let table = try reader.object("condition_map")
        for member in table {
            conditions[member.name] = try Condition(
                member.value,
                at: Place.root.member("condition_map").member(member.name)
            )
        }
        gates = readSpecs(try reader.object("feature_gates"), under: "feature_gates")
        dynamicConfigs = readSpecs(try reader.object("dynamic_configs"), under: "dynamic_configs")
        layers = readSpecs(try reader.object("layer_configs"), under: "layer_configs")
        for member in try reader.object("experiment_to_layer") {
            guard case .string(let layer) = member.value else {
                throw Place.root.member("experiment_to_layer").member(member.name).wrongType("a layer's name")
            }
            experimentToLayer[member.name] = layer
        }
        others = reader.rest
        try TopLevel.check(others)
    }

    private init?(v1 json: JSONValue) throws(SpecError) {
        var reader = try MemberReader(json, at: .root)
        if try reader.optionalFlag("has_updates") == false { return nil }
        self.init(time: try reader.unsigned("time"), checksum: try reader.optionalText("checksum"))
        gates = readSpecs(try reader.list("feature_gates"), under: "feature_gates")
        dynamicConfigs = readSpecs(reader.take("dynamic_configs")?.arrayValue ?? [], under: "dynamic_configs")
        layers = readSpecs(reader.take("layer_configs")?.arrayValue ?? [], under: "layer_configs")
        for layer in try reader.optionalObject("layers") ?? JSONObject() {
            for experiment in layer.value.arrayValue ?? [] {
                if let name = experiment.stringValue { experimentToLayer[name] = layer.name }
            }
        }
        others = reader.rest
        try TopLevel.check(others)
    }

    private mutating func readSpecs(_ object: JSONObject, under name: String) -> [Spec] {
        let place = Place.root.member(name)
        var specs: [Spec] = []
        specs.reserveCapacity(object.count)
        for member in object {
            do throws(SpecError) {
                let spec = try Spec(member.value, name: member.name, at: place.member(member.name))
                // The core knows no conditions written out in place.
                for (index, rule) in spec.rules.enumerated() {
                    for (position, condition) in rule.conditions.enumerated() {
                        guard case .inline = condition else { continue }
                        throw place.member(member.name).member("rules").item(index).member("conditions").item(position)
                            .wrongType("the id of a condition")
                    }
                }
                specs.append(spec)
            } catch { dropped.append(error) }
        }
        return specs
    }

    private mutating func readSpecs(_ list: [JSONValue], under name: String) -> [Spec] {
        let place = Place.root.member(name)
        var specs: [Spec] = []
        specs.reserveCapacity(list.count)
        for (index, item) in list.enumerated() {
            do throws(SpecError) { specs.append(interned(try Spec(item, name: nil, at: place.item(index)))) } catch {
                dropped.append(error)
            }
        }
        return specs
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
