// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateJSON
import FloodgateSpecs

/// Asks an evaluator everything there is to ask for a user.
enum Answers {
    /// What surrounds all evaluations; the clock stands still and chance has no say.
    static let surroundings: Surroundings = {
        var surroundings = Surroundings(now: { 1_750_000_000_000 })
        surroundings.environment = ["tier": "production"]
        surroundings.globalCustomFields = ["level": 3, "plan": "pro"]
        let ids = ["7", "user", "a"].map(IDList.hash(of:))
        surroundings.idLists = ["company_id_list": IDList(ids: Set(ids)), "list": IDList(ids: Set(ids))]
        return surroundings
    }()

    /// A user without anything, one with everything, and one of odd types.
    static let users: [FloodgateUser] = [
        FloodgateUser(),
        FloodgateUser(
            userID: "user",
            customIDs: ["companyID": "c-1", "stableID": "s-1"],
            email: "jo@example.com",
            ip: "8.8.8.8",
            userAgent: "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/120.0.0.0 Safari/537.36",
            country: "CH",
            locale: "de_CH",
            appVersion: "1.10.2-beta",
            custom: ["level": 7, "tags": ["a", "b", 1], "since": "2023-11-14T22:13:20Z", "a": ["b": 1]],
            privateAttributes: ["plan": "Pro"]
        ),
        FloodgateUser(json: [
            "userID": 7, "customIDs": ["companyID": true], "email": ["a"], "ip": 16_843_009, "userAgent": ["a": 1],
            "appVersion": .double(1.5), "custom": ["level": "1e400", "tags": "a", "since": -1, "": ""],
            "statsigEnvironment": ["tier": 1],
        ]),
    ]

    /// Every name of a document and one of each kind that it does not know.
    struct Names {
        let gates: [String]
        let configs: [String]
        let layers: [String]

        init(_ document: SpecDocument) {
            gates = document.gates.map(\.name) + ["nobody knows it"]
            configs = document.dynamicConfigs.map(\.name) + ["nobody knows it"]
            layers = document.layers.map(\.name) + ["nobody knows it"]
        }
    }

    /// Asks for every name and user; `variant` picks the user who is asked twice and gets a response, and its form.
    static func fault(of evaluator: Evaluator, _ names: Names, for users: [FloodgateUser], variant: Int) -> String? {
        let chosen = variant % users.count
        var budget = Budget()
        for (index, user) in users.enumerated() {
            if let fault = fault(of: evaluator, names, for: user, isRepeated: index == chosen, &budget) { return fault }
        }
        if !budget.isSpent, let fault = explanationFault(evaluator, users[chosen]) { return fault }
        return responseFault(evaluator, users[chosen], variant / users.count)
    }

    /// Where two evaluators answer differently.
    static func difference(_ one: Evaluator, _ two: Evaluator, _ names: Names, for user: FloodgateUser) -> String? {
        var budget = Budget()
        for name in names.gates where !budget.isSpent {
            let gate = one.gate(name, for: user)
            budget.take(gate.details, gate.secondaryExposures)
            guard gate == two.gate(name, for: user) else { return "gate \(name) is another one by way of the parts" }
        }
        let response = JSONValue.object(one.clientInitializeResponse(for: user))
        let other = JSONValue.object(two.clientInitializeResponse(for: user))
        return response.bytes == other.bytes ? nil : "the client response is another one by way of the parts"
    }

    /// How much of one input is evaluated: documents can be made in which every name takes the most that one evaluation may.
    private struct Budget {
        private var exposures = 0
        var isSpent: Bool { exposures > 1 << 18 }

        mutating func take(_ details: EvaluationDetails, _ list: [SecondaryExposure]) {
            // Given up, perhaps for just that.
            if case .error = details.reason { exposures += 1 << 14 }
            exposures += list.count
        }
    }

    private static func fault(
        of evaluator: Evaluator,
        _ names: Names,
        for user: FloodgateUser,
        isRepeated: Bool,
        _ budget: inout Budget
    ) -> String? {
        for name in names.gates where !budget.isSpent {
            let gate = evaluator.gate(name, for: user)
            budget.take(gate.details, gate.secondaryExposures)
            if let fault = fault(gate.details, name) { return fault }
            guard isRepeated else { continue }
            guard evaluator.gate(name, for: user) == gate else { return "gate \(name) changes its answer" }
            guard evaluator.checkGate(name, for: user) == gate.value else { return "gate \(name) has two answers" }
        }
        for name in names.configs where !budget.isSpent {
            let experiment = evaluator.experiment(name, for: user)
            budget.take(experiment.details, experiment.secondaryExposures)
            if let fault = fault(experiment.details, name) { return fault }
            guard isRepeated else { continue }
            guard evaluator.experiment(name, for: user) == experiment else { return "\(name) changes its answer" }
            if let fault = fault(evaluator.dynamicConfig(name, for: user).details, name) { return fault }
        }
        for name in names.layers where !budget.isSpent {
            let layer = evaluator.layer(name, for: user)
            budget.take(layer.details, layer.secondaryExposures)
            if let fault = fault(layer.details, name) { return fault }
            guard isRepeated else { continue }
            guard evaluator.layer(name, for: user) == layer else { return "layer \(name) changes its answer" }
        }
        return nil
    }

    private static func fault(_ details: EvaluationDetails, _ name: String) -> String? {
        if case .noSpecs = details.reason { return "\(name) is answered as if there were no specs" }
        return details.time == nil ? "\(name) is answered without the specs' time" : nil
    }

    /// An explanation has the answer of the check; a dozen will do, since each is long.
    private static func explanationFault(_ evaluator: Evaluator, _ user: FloodgateUser) -> String? {
        for name in evaluator.names().prefix(12) {
            let explanation = evaluator.explain(name, for: user)
            let isSame =
                switch explanation.answer {
                case .gate(let gate): gate == evaluator.gate(name, for: user)
                case .dynamicConfig(let config): config == evaluator.dynamicConfig(name, for: user)
                case .experiment(let experiment): experiment == evaluator.experiment(name, for: user)
                case .layer(let layer): layer == evaluator.layer(name, for: user)
                default: true
                }
            guard isSame else { return "\(name) is explained with another answer" }
            guard !explanation.text.isEmpty, !explanation.json.bytes.isEmpty else { return "\(name) is not explained" }
        }
        return nil
    }

    private static func responseFault(_ evaluator: Evaluator, _ user: FloodgateUser, _ variant: Int) -> String? {
        var options = ClientResponseOptions()
        options.hash = NameHash.allCases[variant % NameHash.allCases.count]
        if variant.isMultiple(of: 2) {
            options.clientSDKKey = "client-key"
            options.includesLocalOverrides = true
            options.removesIDType = true
            options.removesDefaultValueGates = true
            options.removesExperimentsInLayers = true
        }
        let response = evaluator.clientInitializeResponse(for: user, options: options)
        return read(response) == .object(response) ? nil : "the client response cannot be read back"
    }

    /// Values of the document stand deeper in the response than there.
    private static func read(_ response: JSONObject) -> JSONValue? {
        try? JSONValue(parsing: JSONValue.object(response).bytes, limits: JSONLimits(depth: 512))
    }
}
