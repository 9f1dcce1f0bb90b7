// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
public import FloodgateSpecs

extension Evaluator {
    /// As what the document knows `name`, in the order in which `explain` looks for it.
    public func kinds(of name: String) -> [Explanation.Kind] {
        guard let ruleset else { return [] }
        var kinds: [Explanation.Kind] = []
        if ruleset.gateTable.find(name) >= 0 { kinds.append(.gate) }
        let config = ruleset.configTable.find(name)
        if config >= 0 {
            switch ruleset.specs[Int(config)].entity {
            case .experiment, .autotune: kinds += [.experiment]
            default: kinds += [.dynamicConfig]
            }
        }
        if ruleset.bandits[ExactText(name)] != nil, !kinds.contains(.experiment) { kinds.append(.experiment) }
        if ruleset.layerTable.find(name) >= 0 { kinds.append(.layer) }
        if ruleset.parameterStores[name] != nil { kinds.append(.parameterStore) }
        return kinds
    }

    /// All names that the document knows as `kind`, or as anything.
    public func names(of kind: Explanation.Kind? = nil) -> [String] {
        guard let ruleset else { return [] }
        func names(_ specs: Range<Int32>, _ isMeant: (EntityKind) -> Bool = { _ in true }) -> [String] {
            specs.compactMap { index in
                let spec = ruleset.specs[Int(index)]
                return isMeant(spec.entity) ? ruleset.text(spec.name) : nil
            }
        }
        func isExperiment(_ entity: EntityKind) -> Bool { entity == .experiment || entity == .autotune }
        switch kind {
        case .gate: return names(ruleset.gateSpecs)
        case .dynamicConfig: return names(ruleset.configSpecs) { !isExperiment($0) }
        case .experiment: return names(ruleset.configSpecs, isExperiment) + ruleset.bandits.keys.map(\.text).sorted()
        case .layer: return names(ruleset.layerSpecs)
        case .parameterStore: return ruleset.parameterStores.names
        case nil: return Explanation.Kind.allCases.flatMap { self.names(of: $0) }
        }
    }

    /// Answers like the check of that kind, and says how the answer came about.
    ///
    /// The way to the answer is taken down in full, which takes many times as long as a check; an answer is never
    /// another one for being explained. Nothing is logged as an exposure.
    /// - Parameters:
    ///   - name: the entity's name; one that nobody knows is explained as a gate.
    ///   - kind: which check to explain; by default the first of `kinds(of:)`.
    ///   - user: who is evaluated.
    ///   - document: what the ruleset was compiled from, for the names of rules and the exact texts of targets.
    /// - Returns: the answer and the way to it.
    public func explain(
        _ name: String,
        as kind: Explanation.Kind? = nil,
        for user: FloodgateUser,
        in document: SpecDocument? = nil
    ) -> Explanation {
        let knownAs = kinds(of: name)
        let kind = kind ?? knownAs.first ?? .gate
        var (answer, trace) = explained(name, as: kind, for: user)
        if let document {
            let names = DocumentNames(document)
            if let found = trace { trace = names.completed(found) }
            if case .parameterStore(let parameters?) = answer {
                answer = .parameterStore(
                    parameters.map { parameter in
                        var parameter = parameter
                        parameter.trace = parameter.trace.map(names.completed)
                        return parameter
                    }
                )
            }
        }
        return Explanation(
            name: name,
            kind: kind,
            knownAs: knownAs,
            user: user,
            environment: user.statsigEnvironment ?? surroundings.environment
                ?? ruleset?.defaultEnvironment.map { ["tier": .string($0)] },
            time: surroundings.now(),
            answer: answer,
            trace: trace
        )
    }

    /// Explains a gate; see `explain(_:as:for:in:)`.
    public func explain(gate name: String, for user: FloodgateUser) -> Explanation {
        explain(name, as: .gate, for: user)
    }

    private func explained(
        _ name: String,
        as kind: Explanation.Kind,
        for user: FloodgateUser
    ) -> (Explanation.Answer, Explanation.Evaluation?) {
        switch kind {
        case .gate:
            let (result, trace) = traced(name, as: .gate, for: user)
            let gate = GateEvaluation(
                answer: result.answer,
                extras: result.extras,
                secondaryExposures: result.secondaryExposures,
                details: result.details
            )
            return (.gate(gate), trace)
        case .dynamicConfig:
            let (config, trace) = traced(name, as: .config, for: user)
            return (.dynamicConfig(config), trace)
        case .experiment:
            let (experiment, trace) = traced(name, as: .experiment, for: user)
            return (.experiment(experiment), trace)
        case .layer:
            let (result, trace) = traced(name, as: .layer, for: user)
            let layer = LayerEvaluation(
                answer: result.answer,
                extras: result.extras,
                secondaryExposures: result.secondaryExposures,
                details: result.details
            )
            return (.layer(layer), trace)
        case .parameterStore: return (.parameterStore(parameters(ofStore: name, for: user)), nil)
        }
    }

    private func traced(
        _ name: String,
        as kind: Kind,
        for user: FloodgateUser
    ) -> (ConfigEvaluation, Explanation.Evaluation?) {
        guard let ruleset else { return (withoutSpecs(name, as: kind, for: user), nil) }
        let recorder = TraceRecorder()
        let index = ruleset.find(name, in: kind.nameSpace)
        let result = evaluate(index, name, as: kind, for: user, on: ruleset, recordingInto: recorder)
        return (result, recorder.trace)
    }

    // MARK: Parameter stores

    private func parameters(ofStore name: String, for user: FloodgateUser) -> [Explanation.Parameter]? {
        if let values = surroundings.overrides?.parameterStores.value(name, for: user) {
            return values.map { Explanation.Parameter(name: $0.name, value: $0.value) }
        }
        guard let store = ruleset?.parameterStores[name] else { return nil }
        return (store["parameters"]?.objectValue ?? JSONObject()).map { parameter($0.name, $0.value, for: user) }
    }

    /// The form is found by the members that are there, in this order, as SDKs do.
    private func parameter(_ name: String, _ form: JSONValue, for user: FloodgateUser) -> Explanation.Parameter {
        if let value = form["value"] { return Explanation.Parameter(name: name, value: value) }
        if let gate = form["gate_name"]?.stringValue, let pass = form["pass_value"], let fail = form["fail_value"] {
            let (answer, trace) = explained(gate, as: .gate, for: user)
            var isOpen = false
            if case .gate(let gate) = answer { isOpen = gate.value }
            let source = Explanation.Parameter.Source(kind: .gate, name: gate)
            return Explanation.Parameter(name: name, source: source, value: isOpen ? pass : fail, trace: trace)
        }
        guard let parameter = form["param_name"]?.stringValue else { return Explanation.Parameter(name: name) }
        let members: [(String, Explanation.Kind)] = [
            ("config_name", .dynamicConfig), ("experiment_name", .experiment), ("layer_name", .layer),
        ]
        for (member, kind) in members {
            guard let source = form[member]?.stringValue else { continue }
            let (answer, trace) = explained(source, as: kind, for: user)
            return Explanation.Parameter(
                name: name,
                source: Explanation.Parameter.Source(kind: kind, name: source, parameter: parameter),
                value: answer.parameters?[parameter],
                trace: trace
            )
        }
        return Explanation.Parameter(name: name)
    }
}

extension Explanation.Answer {
    /// The parameters, of what has some.
    var parameters: JSONObject? {
        switch self {
        case .gate: nil
        case .dynamicConfig(let config), .experiment(let config): config.value
        case .layer(let layer): layer.value
        case .parameterStore(let parameters):
            parameters.map { parameters in
                var object = JSONObject()
                for parameter in parameters { object.set(parameter.name, parameter.value) }
                return object
            }
        }
    }
}
