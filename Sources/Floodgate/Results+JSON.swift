// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
public import FloodgateJSON

// Results as JSON: always the same members in the same order, as Statsig's SDKs name them, null where there is nothing.

extension FeatureGate {
    /// The gate as JSON.
    public var json: JSONObject {
        [
            "name": .string(name), "rule_id": .string(ruleID), "id_type": .string(idType),
            "details": .object(details.json(version: evaluation.version)), "value": .bool(value),
        ]
    }
}

extension DynamicConfig {
    /// The config as JSON.
    public var json: JSONObject {
        [
            "name": .string(name), "rule_id": .string(ruleID), "id_type": .string(idType),
            "details": .object(details.json(version: evaluation.version)), "value": .object(value),
        ]
    }
}

extension Experiment {
    /// The experiment as JSON.
    public var json: JSONObject {
        [
            "name": .string(name), "rule_id": .string(ruleID), "id_type": .string(idType),
            "details": .object(details.json(version: evaluation.version)), "value": .object(value),
            "group_name": .text(groupName),
        ]
    }
}

extension Layer {
    /// The layer as JSON, for logs and the like: its parameters are not read by this, and no exposure is logged.
    public var json: JSONObject {
        [
            "name": .string(name), "rule_id": .string(ruleID), "id_type": .string(idType),
            "details": .object(details.json(version: version)), "value": .object(values),
            "group_name": .text(groupName), "allocated_experiment_name": .text(allocatedExperiment),
        ]
    }
}

extension EvaluationDetails {
    fileprivate func json(version: UInt32?) -> JSONObject {
        [
            "reason": .string(reason.wireName),
            "lcut": time.map { .integer(Int64(clamping: $0)) } ?? .null,
            "received_at": receivedAt.map { .integer($0) } ?? .null,
            "version": version.map { .integer(Int64($0)) } ?? .null,
        ]
    }
}
