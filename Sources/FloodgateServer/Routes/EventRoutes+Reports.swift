// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import FloodgateEvaluation
import FloodgateEvents
import FloodgateIngest
import FloodgateJSON
import HTTPTypes
import Hummingbird

// How exposures and foreign events become batches.
extension EventRoutes {
    /// Exposures in one request.
    private static let mostExposures = 1_000

    /// 202: every exposure is on disk; 400: one of them cannot be one, and none is kept.
    @Sendable func customExposures(_ request: Request, _ context: SDKContext) async throws -> Response {
        let body = try await request.clientBody(unpacked)
        guard let exposures = body["exposures"]?.arrayValue, 1...Self.mostExposures ~= exposures.count else {
            throw ServerError(.invalid, "exposures must hold 1 to \(Self.mostExposures)", pointer: "/exposures")
        }
        guard let snapshot = board.snapshot(of: context.caller.environment) else {
            throw ServerError(.unavailable, "The specs are not ready yet; try again", headers: [.retryAfter: "1"])
        }
        let evaluator = Evaluator(snapshot.ruleset, from: .network, surroundings: Surroundings(now: now))
        let receivedAt = now()
        var writer = EventBatchWriter()
        for (index, exposure) in exposures.enumerated() {
            let pointer = "/exposures/\(index)"
            guard let user = (exposure["user"] ?? body["user"])?.objectValue else {
                throw ServerError(.invalid, "An exposure must have a user", pointer: pointer + "/user")
            }
            let time = exposure["time"] ?? .integer(receivedAt)
            guard let time = EventTime.milliseconds(time, receivedAt: receivedAt) else {
                throw ServerError(.invalid, "The time is neither milliseconds nor a date", pointer: pointer + "/time")
            }
            let record = try Self.record(exposure, evaluator, pointer)
            let shown = FloodgateUser(json: .object(user)).wireObject(environment: nil)
            writer.append(exposure: record, user: JSONValue.object(shown).bytes, time: time)
        }
        var metadata = body["statsigMetadata"]?.objectValue ?? JSONObject()
        if metadata["sdkType"] == nil { metadata["sdkType"] = "http-api" }
        return await keep(writer.finish(statsigMetadata: metadata), at: receivedAt, context)
    }

    private static func record(
        _ exposure: JSONValue,
        _ evaluator: Evaluator,
        _ pointer: String
    ) throws -> ExposureRecord {
        let (group, ruleID) = (exposure["group"]?.stringValue, exposure["ruleID"]?.stringValue)
        guard (group == nil) != (ruleID == nil) else {
            throw ServerError(.invalid, "An exposure must have either a group or a ruleID", pointer: pointer)
        }
        if let name = exposure["gateName"]?.stringValue {
            guard let passes = exposure["passes"]?.boolValue, let ruleID else {
                throw ServerError(.invalid, "A gate's exposure must have passes and a ruleID", pointer: pointer)
            }
            let reason = evaluator.gate(name, for: FloodgateUser(json: [:])).details.reason
            return ExposureRecord(
                .gate(name, value: passes),
                ruleID: ruleID,
                reason: reason.wireName,
                isManual: true
            )
        }
        guard let name = exposure["experimentName"]?.stringValue else {
            throw ServerError(.invalid, "An exposure must have an experimentName or a gateName", pointer: pointer)
        }
        let groups = evaluator.groups(ofExperiment: name)?.groups ?? []
        guard let found = groups.first(where: { group == nil ? $0.ruleID == ruleID : $0.name == group }) else {
            throw ServerError(
                .invalid,
                "There is no experiment \"\(name)\" with that group; groups are "
                    + (groups.isEmpty ? "none" : groups.map { "\"\($0.name)\"" }.joined(separator: ", ")),
                pointer: pointer + (group == nil ? "/ruleID" : "/group")
            )
        }
        let evaluation = evaluator.experiment(name, group: found.name)
        return ExposureRecord(
            .config(name, rulePassed: true),
            ruleID: found.ruleID,
            reason: evaluation.details.reason.wireName,
            configVersion: evaluation.version,
            isManual: true
        )
    }

    /// 202: the event is on disk.
    @Sendable func foreignEvent(_ request: Request, _ context: SDKContext) async throws -> Response {
        let body = try await request.clientBody(unpacked)
        guard let name = body["event"]?.stringValue, !name.isEmpty else {
            throw ServerError(.invalid, "The body must have a text \"event\"", pointer: "/event")
        }
        let receivedAt = now()
        var event: JSONObject = ["eventName": .string(name), "time": body["timestamp"] ?? .integer(receivedAt)]
        for member in ["user", "value", "metadata"] { event.set(member, body[member]) }
        let batch: JSONValue = ["events": [.object(event)], "statsigMetadata": ["sdkType": "webhook"]]
        return await keep(batch.bytes, at: receivedAt, context)
    }

    private func keep(_ batch: [UInt8], at time: Int64, _ context: SDKContext) async -> Response {
        let answer = await intake.accept(
            IntakeRequest(
                body: batch,
                environment: context.caller.environment,
                keyKind: context.caller.kind.rawValue,
                receivedAt: time
            )
        )
        return Self.response(to: answer, context)
    }
}
