// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

// One entry for each entity, straight to bytes.
extension ClientResponse {
    /// Writes the start of an entry, up to its secondary exposures.
    @inline(__always)
    mutating func begin(_ name: String, ruleID: String) {
        if isFirst { isFirst = false } else { writer.raw(",") }
        let start = writer.count
        switch options.hash {
        case .none: writer.write(name)
        case .djb2:
            writer.raw("\"")
            writer.write(integer: Int64(NameHash.djb2(name)))
            writer.raw("\"")
        case .sha256: writer.write(options.hash(name))
        }
        let end = writer.count
        writer.raw(":{\"name\":")
        writer.repeat(start..<end)
        writer.raw(",\"rule_id\":")
        writer.write(ruleID)
    }

    /// Writes the start of an entry, up to and with its secondary exposures.
    mutating func begin(_ name: String, _ entry: borrowing Entry) {
        begin(name, ruleID: entry.ruleID)
        writer.raw(",\"secondary_exposures\":")
        write(entry.exposures)
    }

    /// The entry of a gate without nested ones, which most are, straight from its ready answer.
    mutating func writePlainGate(_ spec: UnsafePointer<CompiledSpec>, _ index: Int32) {
        let decision = ruleset.decide(spec, for: user.storage, in: surroundings)
        let answer = ruleset.pooledAnswers.answers.pointer(to: ruleset.answer(decision, of: index))
        begin(ruleset.texts.pointer(to: spec.pointee.name.index).pointee, ruleID: answer.pointee.ruleID)
        if options.removesIDType {
            writer.raw(
                answer.pointee.passed
                    ? ",\"secondary_exposures\":[],\"value\":true}" : ",\"secondary_exposures\":[],\"value\":false}"
            )
            return
        }
        writer.raw(
            answer.pointee.passed
                ? ",\"secondary_exposures\":[],\"value\":true,\"id_type\":"
                : ",\"secondary_exposures\":[],\"value\":false,\"id_type\":"
        )
        writer.write(answer.pointee.spec.idType)
        writer.raw("}")
    }

    mutating func writeGate(_ index: Int32) -> Bool {
        if decidesPlainSpecs, !options.removesDefaultValueGates, let spec = ruleset.plainSpec(index, as: .gate) {
            writePlainGate(spec, index)
            return true
        }
        guard let entry = evaluate(index, as: .gate) else { return false }
        if options.removesDefaultValueGates, !entry.bool, entry.isDefault, entry.exposures.isEmpty { return true }
        begin(ruleset.text(ruleset.specs.pointer(to: index).pointee.name), entry)
        writer.raw(entry.bool ? ",\"value\":true" : ",\"value\":false")
        if !options.removesIDType, let idType = entry.idType {
            writer.raw(",\"id_type\":")
            writer.write(idType)
        }
        writer.raw("}")
        return true
    }

    mutating func writeConfig(_ index: Int32) -> Bool {
        let kind = ruleset.specs.pointer(to: index).pointee.entity
        guard let entry = evaluate(index, as: kind == .dynamicConfig ? .config : .experiment) else { return false }
        begin(ruleset.text(ruleset.specs.pointer(to: index).pointee.name), entry)
        writeValue(entry)
        if kind == .dynamicConfig {
            writer.raw(entry.bool ? ",\"passed\":true}" : ",\"passed\":false}")
            return true
        }
        writeGroup(entry)
        if kind == .experiment { writeExperimentState(entry) }
        writer.raw("}")
        return true
    }

    mutating func writeBandit(_ bandit: Bandit) -> Bool {
        guard let entry = evaluate(-1, named: bandit.name, as: .experiment) else { return false }
        begin(bandit.name, entry)
        writeValue(entry)
        writeGroup(entry)
        writer.raw("}")
        return true
    }

    mutating func writeLayer(_ index: Int32) -> Bool {
        guard let entry = evaluate(index, as: .layer) else { return false }
        begin(ruleset.text(ruleset.specs.pointer(to: index).pointee.name), entry)
        writeValue(entry)
        if let group = entry.groupName {
            writer.raw(",\"group_name\":")
            writer.write(group)
        }
        writer.raw(",\"explicit_parameters\":")
        writeTexts(entry.explicitParameters)
        if let delegate = entry.delegate {
            writer.raw(",\"allocated_experiment_name\":")
            writer.write(options.hash(delegate))
            writeExperimentState(entry)
        }
        writer.raw(",\"undelegated_secondary_exposures\":")
        write(entry.undelegated)
        if let ruleIDs = entry.parameterRuleIDs {
            writer.raw(",\"parameter_rule_ids\":")
            writer.write(ruleIDs)
        }
        writer.raw("}")
        return true
    }

    mutating func writeValue(_ entry: borrowing Entry) {
        writer.raw(",\"value\":")
        switch entry.value {
        case nil: writer.raw("null")
        case .number, .string, .array: writer.raw("{}")
        case let value?: writer.write(value)
        }
        writer.raw(",\"group\":")
        writer.write(entry.ruleID)
        let idType = entry.idType ?? ""
        if !options.removesIDType {
            writer.raw(",\"id_type\":")
            writer.write(idType)
        }
        let isDevice = idType.isExactly("stableID") || idType.isExactly("stableid")
        writer.raw(isDevice ? ",\"is_device_based\":true" : ",\"is_device_based\":false")
    }

    mutating func writeGroup(_ entry: borrowing Entry) {
        if let group = entry.groupName {
            writer.raw(",\"group_name\":")
            writer.write(group)
        }
        if entry.isInLayer { writer.raw(",\"is_in_layer\":true") }
        if entry.explicitParameters >= 0 {
            writer.raw(",\"explicit_parameters\":")
            writeTexts(entry.explicitParameters)
        }
    }

    mutating func writeExperimentState(_ entry: borrowing Entry) {
        writer.raw(entry.isActive ? ",\"is_experiment_active\":true" : ",\"is_experiment_active\":false")
        writer.raw(
            entry.isExperimentGroup ? ",\"is_user_in_experiment\":true" : ",\"is_user_in_experiment\":false"
        )
    }

    mutating func writeTexts(_ list: Int32) {
        writer.raw("[")
        if list >= 0 {
            for (index, text) in ruleset.textLists[Int(list)].enumerated() {
                if index > 0 { writer.raw(",") }
                writer.write(text)
            }
        }
        writer.raw("]")
    }

    /// Hashed, without later duplicates.
    mutating func write(_ exposures: [SecondaryExposure]) {
        if exposures.isEmpty { return writer.raw("[]") }
        var seen: Set<ExactExposure> = []
        var isFirst = true
        writer.raw("[")
        for exposure in exposures where exposures.count == 1 || seen.insert(ExactExposure(exposure)).inserted {
            writer.raw(isFirst ? "{\"gate\":" : ",{\"gate\":")
            isFirst = false
            writer.write(options.hash(exposure.gate))
            writer.raw(exposure.value ? ",\"gateValue\":\"true\",\"ruleID\":" : ",\"gateValue\":\"false\",\"ruleID\":")
            writer.write(exposure.ruleID)
            writer.raw("}")
        }
        writer.raw("]")
    }

    /// An exposure that is equal to another only if its texts have the same bytes.
    struct ExactExposure: Hashable {
        let gate: ExactText
        let value: Bool
        let ruleID: ExactText

        init(_ exposure: SecondaryExposure) {
            gate = ExactText(exposure.gate)
            value = exposure.value
            ruleID = ExactText(exposure.ruleID)
        }
    }
}
