// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateEvaluation
package import FloodgateJSON

/// What a flag key turned out to be for one user, before anybody is told of it.
package struct Flag: Sendable {
    /// The entity behind the key, with all that an exposure of it needs.
    package enum Entity: Sendable {
        case gate(String, GateEvaluation)
        case config(String, ConfigEvaluation)
        case layer(String, LayerEvaluation)
    }

    /// The entity that answered.
    package var entity: Entity
    /// The parameter that the key asks for; nil asks for all.
    package var parameter: String?
    /// The value; of a layer as a whole, all its parameters.
    package var value: JSONValue

    /// The evaluation, whatever the entity.
    package var evaluation: Evaluation {
        switch entity {
        case .gate(_, let evaluation): Evaluation(evaluation)
        case .config(_, let evaluation): Evaluation(evaluation)
        case .layer(_, let evaluation): evaluation
        }
    }

    /// The flag as OpenFeature tells of it.
    /// - Throws: `FlagError` if there is no value to give, or none of the type that is expected.
    package func details(as type: FlagType? = nil) throws(FlagError) -> ResolutionDetails<JSONValue> {
        let evaluation = evaluation
        let reason = try FlagReason(evaluation)
        if let type, !type.fits(value) { throw FlagError(.typeMismatch, "The value is not of type \(type.rawValue)") }
        var metadata: JSONObject = ["ruleID": .string(evaluation.ruleID)]
        if let version = evaluation.version { metadata["version"] = .integer(Int64(version)) }
        if let time = evaluation.details.time { metadata["lcut"] = .integer(Int64(clamping: time)) }
        return ResolutionDetails(value, variant: variant(of: evaluation), reason: reason, flagMetadata: metadata)
    }

    private func variant(of evaluation: Evaluation) -> String {
        if case .gate = entity { return evaluation.passed ? "on" : "off" }
        return evaluation.groupName ?? evaluation.ruleID
    }
}
