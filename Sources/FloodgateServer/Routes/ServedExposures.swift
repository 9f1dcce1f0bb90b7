// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateEvents
import FloodgateFlags
import FloodgateIngest
import FloodgateJSON

/// Exposures of what the HTTP API answered, for which no SDK will send any.
struct ServedExposures: ~Copyable {
    private var writer = EventBatchWriter()
    private let user: [UInt8]
    private let time: Int64
    private let metadata: JSONObject

    /// Begins a batch; nil if the request asks for no exposures.
    init?(_ request: JSONObject, user: FloodgateUser, time: Int64) {
        metadata = request["statsigMetadata"]?.objectValue ?? JSONObject()
        guard metadata["exposureLoggingDisabled"]?.boolValue != true else { return nil }
        self.user = JSONValue.object(user.wireObject(environment: nil)).bytes
        self.time = time
    }

    mutating func append(_ name: String, _ gate: GateEvaluation) {
        append(.gate(name, value: gate.value), gate.ruleID, gate.details, gate.version, gate.secondaryExposures)
    }

    mutating func append(_ name: String, _ config: ConfigEvaluation) {
        append(
            .config(name, rulePassed: config.passed),
            config.ruleID,
            config.details,
            config.version,
            config.secondaryExposures
        )
    }

    mutating func append(_ flag: Flag) {
        switch flag.entity {
        case .gate(let name, let gate): append(name, gate)
        case .config(let name, let config): append(name, config)
        case .layer(let name, let layer):
            if let parameter = flag.parameter { append(name, layer, parameter) } else { append(name, layer) }
        }
    }

    /// A layer as a whole was served with each of its parameters.
    mutating func append(_ name: String, _ layer: LayerEvaluation) {
        for parameter in layer.value?.names ?? [] { append(name, layer, parameter) }
    }

    private mutating func append(_ name: String, _ layer: LayerEvaluation, _ parameter: String) {
        let isExplicit = layer.explicitParameters.contains(parameter)
        append(
            .layer(
                name,
                parameter: parameter,
                allocatedExperiment: isExplicit ? layer.allocatedExperiment : nil,
                isExplicit: isExplicit
            ),
            layer.parameterRuleIDs?[parameter]?.stringValue ?? layer.ruleID,
            layer.details,
            layer.version,
            isExplicit ? layer.secondaryExposures : layer.undelegatedSecondaryExposures
        )
    }

    private mutating func append(
        _ subject: ExposureRecord.Subject,
        _ ruleID: String,
        _ details: EvaluationDetails,
        _ version: UInt32?,
        _ secondary: [SecondaryExposure]
    ) {
        let record = ExposureRecord(
            subject,
            ruleID: ruleID,
            reason: details.reason.wireName,
            lastConfigUpdate: details.time,
            receivedAt: details.receivedAt,
            configVersion: version,
            secondaryExposures: secondary.map { .init(gate: $0.gate, value: $0.value, ruleID: $0.ruleID) }
        )
        writer.append(exposure: record, user: user, time: time)
    }

    /// Keeps the batch; what cannot be kept is counted by the intake and does not spoil the answer.
    mutating func send(to intake: Intake, environment: String, keyKind: String) async {
        guard writer.count > 0 else { return }
        var metadata = metadata
        if metadata["sdkType"] == nil { metadata["sdkType"] = "http-api" }
        _ = await intake.accept(
            IntakeRequest(
                body: writer.finish(statsigMetadata: metadata),
                environment: environment,
                keyKind: keyKind,
                receivedAt: time
            )
        )
    }
}
