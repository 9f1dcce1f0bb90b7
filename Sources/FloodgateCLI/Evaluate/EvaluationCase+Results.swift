// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateJSON

extension EvaluationCase {
    /// What every user gets, as one line of JSON without its end.
    func results() -> [UInt8] {
        JSONValue.object(
            [
                "results": .array(
                    zip(users, stickyRequests).map { user, request in
                        var members = result(for: user)
                        let sticky = request.map { stickyResults($0, for: user) } ?? JSONObject()
                        for member in sticky { members[member.name] = member.value }
                        if !storeNames.isEmpty { members["parameter_stores"] = .object(parameterStores(for: user)) }
                        return .object(members)
                    }
                )
            ]
        ).bytes
    }

    private func result(for user: FloodgateUser) -> JSONObject {
        var gates = JSONObject()
        for name in gateNames {
            let gate = evaluator.gate(name, for: user)
            gates[name] = [
                .bool(gate.value), .string(gate.ruleID), .string(gate.idType), Self.version(gate.version),
                Self.outcome(gate.details),
            ]
        }
        var configs = JSONObject()
        var experiments = JSONObject()
        for name in configNames {
            let config = evaluator.dynamicConfig(name, for: user)
            configs[name] = .array(Self.head(config))
            let experiment = evaluator.experiment(name, for: user)
            experiments[name] = .array(Self.row(experiment))
        }
        var layers = JSONObject()
        for name in layerNames {
            let layer = evaluator.layer(name, for: user)
            layers[name] = .array(Self.row(layer))
        }
        return [
            "gates": .object(gates), "configs": .object(configs), "experiments": .object(experiments),
            "layers": .object(layers), "gcir": .object(clientResponse(for: user)),
        ]
    }

    private func clientResponse(for user: FloodgateUser) -> JSONObject {
        var options = ClientResponseOptions()
        options.hash = .none
        options.includesLocalOverrides = responsesIncludeOverrides
        let response = evaluator.clientInitializeResponse(for: user, options: options)
        var parts = JSONObject()
        for name in ["feature_gates", "dynamic_configs", "layer_configs"] { parts[name] = response[name] ?? [:] }
        return parts
    }

    static func row(_ experiment: ConfigEvaluation) -> [JSONValue] {
        head(experiment) + [
            .text(experiment.groupName), isActive(experiment.isExperimentActive, experiment.details),
            exposures(experiment.secondaryExposures),
        ]
    }

    static func row(_ layer: LayerEvaluation) -> [JSONValue] {
        [
            layer.value.map(JSONValue.object) ?? .null, .string(layer.ruleID), .string(layer.idType),
            version(layer.version), outcome(layer.details), .text(layer.groupName),
            isActive(layer.isExperimentActive, layer.details), exposures(layer.secondaryExposures),
            .text(layer.allocatedExperiment),
        ]
    }

    private static func head(_ config: ConfigEvaluation) -> [JSONValue] {
        [
            config.value.map(JSONValue.object) ?? .null, .string(config.ruleID), .string(config.idType),
            version(config.version), outcome(config.details),
        ]
    }

    private static func version(_ version: UInt32?) -> JSONValue { version.map { .integer(Int64($0)) } ?? .null }

    /// Null where the evaluation failed, as in Statsig's Rust core.
    private static func isActive(_ isActive: Bool, _ details: EvaluationDetails) -> JSONValue {
        if case .error = details.reason { .null } else { .bool(isActive) }
    }

    private static func exposures(_ exposures: [SecondaryExposure]) -> JSONValue {
        .array(
            exposures.map { exposure in
                [
                    "gate": .string(exposure.gate), "gateValue": .string(exposure.value ? "true" : "false"),
                    "ruleID": .string(exposure.ruleID),
                ]
            }
        )
    }

    private static func outcome(_ details: EvaluationDetails) -> JSONValue {
        switch details.reason {
        case .recognized: "Recognized"
        case .localOverride: "LocalOverride"
        case .persisted: "Persisted"
        case .unsupported: "Unsupported"
        case .error: "Error"
        default: "Unrecognized"
        }
    }
}
