// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
internal import FloodgateEvents

extension ClientState {
    func expose(
        gate name: String,
        _ evaluation: GateEvaluation,
        for user: FloodgateUser,
        in view: SpecView,
        isManual: Bool = false
    ) {
        expose(
            QueuedExposure(name: name, kind: .gate, evaluation: Evaluation(evaluation), isManual: isManual),
            for: user,
            in: view
        )
    }

    func expose(
        config name: String,
        _ evaluation: ConfigEvaluation,
        ruleID: String? = nil,
        for user: FloodgateUser,
        in view: SpecView,
        isManual: Bool = false
    ) {
        expose(
            QueuedExposure(
                name: name,
                kind: .config,
                evaluation: Evaluation(evaluation),
                otherRuleID: ruleID,
                isManual: isManual
            ),
            for: user,
            in: view
        )
    }

    func expose(
        layer name: String,
        _ evaluation: LayerEvaluation,
        parameter: String,
        for user: FloodgateUser,
        in view: SpecView,
        isManual: Bool = false
    ) {
        let isExplicit = evaluation.explicitParameters.contains(parameter)
        expose(
            QueuedExposure(
                name: name,
                kind: .layer(QueuedExposure.LayerRead(parameter, isExplicit: isExplicit)),
                evaluation: Evaluation(evaluation),
                otherRuleID: evaluation.parameterRuleIDs?[parameter]?.stringValue,
                isManual: isManual
            ),
            for: user,
            in: view
        )
    }
}
