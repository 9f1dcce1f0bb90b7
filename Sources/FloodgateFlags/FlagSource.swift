// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateEvaluation
internal import FloodgateJSON

/// What flags are found in; nothing that is asked logs an exposure.
package protocol FlagSource {
    /// What the specs are, to tell experiments from configs.
    var evaluator: Evaluator { get }
    func gate(_ name: String, for user: FloodgateUser) -> GateEvaluation
    func dynamicConfig(_ name: String, for user: FloodgateUser) -> ConfigEvaluation
    func experiment(_ name: String, for user: FloodgateUser) -> ConfigEvaluation
    func layer(_ name: String, for user: FloodgateUser) -> LayerEvaluation
}

extension Evaluator: FlagSource {
    /// Itself.
    package var evaluator: Evaluator { self }
}

extension FlagSource {
    /// How many dots of a key are tried as the one between a name and a parameter, from the right.
    private var maxDots: Int { 16 }

    /// Finds what `key` names: a gate, config, experiment or layer, or else a parameter of one, as in `checkout_copy.title`.
    ///
    /// Gates have names of their own, apart from the others: where both have a flag of the key, the type that is expected
    /// decides, and the gate if none is.
    /// - Throws: `FlagError` with the code `flagNotFound` or `providerNotReady`.
    package func flag(_ key: String, as type: FlagType? = nil, for user: FloodgateUser) throws(FlagError) -> Flag {
        let isGateFirst = type == nil || type == .boolean
        if isGateFirst, let flag = gateFlag(key, user) { return flag }
        if let flag = parametersFlag(key, user) { return flag }
        if let flag = parameterFlag(key, user) { return flag }
        if !isGateFirst, let flag = gateFlag(key, user) { return flag }
        guard evaluator.ruleset != nil else {
            throw FlagError(.providerNotReady, "There are no specs yet: \(evaluator.source.wireName)")
        }
        throw FlagError(.flagNotFound, "No gate, config, experiment, layer or parameter has this key")
    }

    private func gateFlag(_ name: String, _ user: FloodgateUser) -> Flag? {
        let evaluation = gate(name, for: user)
        guard evaluation.details.isKnown else { return nil }
        return Flag(entity: .gate(name, evaluation), value: .bool(evaluation.value))
    }

    private func parametersFlag(_ name: String, _ user: FloodgateUser) -> Flag? {
        guard let entity = holder(name, user) else { return nil }
        return Flag(entity: entity, value: .object(entity.parameters))
    }

    private func parameterFlag(_ key: String, _ user: FloodgateUser) -> Flag? {
        var end = key.utf8.endIndex
        for _ in 0..<maxDots {
            guard let dot = key.utf8[..<end].lastIndex(of: UInt8(ascii: ".")) else { return nil }
            end = dot
            guard let entity = holder(String(key[..<dot]), user) else { continue }
            let parameter = String(key[key.utf8.index(after: dot)...])
            guard let value = entity.parameters[parameter] else { continue }
            return Flag(entity: entity, parameter: parameter, value: value)
        }
        return nil
    }

    /// What has parameters and this name.
    private func holder(_ name: String, _ user: FloodgateUser) -> Flag.Entity? {
        let isExperiment = evaluator.isExperiment(name)
        let first = isExperiment ? experiment(name, for: user) : dynamicConfig(name, for: user)
        if first.details.isKnown { return .config(name, first) }
        // Local overrides may know a name that the specs do not.
        if !isExperiment {
            let second = experiment(name, for: user)
            if second.details.isKnown { return .config(name, second) }
        }
        let third = layer(name, for: user)
        return third.details.isKnown ? .layer(name, third) : nil
    }
}

extension Flag.Entity {
    fileprivate var parameters: JSONObject {
        switch self {
        case .gate: JSONObject()
        case .config(_, let evaluation): evaluation.value ?? JSONObject()
        case .layer(_, let evaluation): evaluation.value ?? JSONObject()
        }
    }
}

extension EvaluationDetails {
    /// Whether somebody knows the name.
    fileprivate var isKnown: Bool {
        switch reason {
        case .noSpecs, .unrecognized: false
        default: true
        }
    }
}
