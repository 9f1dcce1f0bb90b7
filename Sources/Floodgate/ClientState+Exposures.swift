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
        let subject = ExposureRecord.Subject.gate(name, value: evaluation.value)
        expose(subject, ruleID: evaluation.ruleID, for: user, in: view) {
            QueuedExposure(
                subject: subject,
                ruleID: evaluation.ruleID,
                details: evaluation.details,
                version: evaluation.version,
                overrideConfigName: evaluation.logging.overrideConfigName,
                secondaryExposures: evaluation.secondaryExposures,
                isManual: isManual
            )
        }
    }

    func expose(
        config name: String,
        _ evaluation: ConfigEvaluation,
        for user: FloodgateUser,
        in view: SpecView,
        isManual: Bool = false
    ) {
        let subject = ExposureRecord.Subject.config(name, rulePassed: evaluation.passed)
        expose(subject, ruleID: evaluation.ruleID, for: user, in: view) {
            QueuedExposure(
                subject: subject,
                ruleID: evaluation.ruleID,
                details: evaluation.details,
                version: evaluation.version,
                overrideConfigName: evaluation.logging.overrideConfigName,
                secondaryExposures: evaluation.secondaryExposures,
                isManual: isManual
            )
        }
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
        let subject = ExposureRecord.Subject.layer(
            name,
            parameter: parameter,
            allocatedExperiment: isExplicit ? evaluation.allocatedExperiment : nil,
            isExplicit: isExplicit
        )
        let ruleID = evaluation.parameterRuleIDs?[parameter]?.stringValue ?? evaluation.ruleID
        expose(subject, ruleID: ruleID, for: user, in: view) {
            QueuedExposure(
                subject: subject,
                ruleID: ruleID,
                details: evaluation.details,
                version: evaluation.version,
                overrideConfigName: evaluation.logging.overrideConfigName,
                secondaryExposures: isExplicit
                    ? evaluation.secondaryExposures : evaluation.undelegatedSecondaryExposures,
                isManual: isManual
            )
        }
    }
}
