// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateConsole
import FloodgateControlPlane
import HTTPTypes
import Hummingbird

extension ConsoleRoutes {
    private static let longestReason = 500

    /// `POST /gates/{name}/toggle` with `enabled`, `reason` and, to notice a change in between, `revision`.
    ///
    /// 303 when it is done; 400 and 409 with the gate's page, which says why; 404.
    @Sendable func toggle(_ request: Request, _ context: ConsoleContext) async throws -> Response {
        try await change(request, context) { gate, form, reason in
            guard let enabled = form["enabled"].flatMap({ Bool($0) }) else {
                throw ControlError(.invalid, "The form does not say whether to switch it on or off")
            }
            guard let reason else { throw ControlError(.invalid, "Say why, for the audit log") }
            let change = Change(actor: context.actor, reason: reason)
            let result = try await control.setGate(gate, enabled: enabled, by: change)
            return result.didChange ? (enabled ? .on : .off) : .same
        }
    }

    /// `POST /gates/{name}/rollout` with `percent`, and `rule`, `reason` and `revision` if there is one to give.
    ///
    /// Answers as `toggle` does.
    @Sendable func rollout(_ request: Request, _ context: ConsoleContext) async throws -> Response {
        try await change(request, context) { gate, form, reason in
            guard let percent = form["percent"].flatMap({ Double($0.trimmed) }) else {
                throw ControlError(.invalid, "The rollout must be a number from 0 to 100")
            }
            let change = Change(actor: context.actor, reason: reason)
            let rule = form["rule"].flatMap { $0.isEmpty ? nil : $0 }
            let result = try await control.setRollout(gate: gate, percent: percent, ruleID: rule, by: change)
            return result.didChange ? .rollout : .same
        }
    }

    private func change(
        _ request: Request,
        _ context: ConsoleContext,
        _ perform: (_ gate: String, _ form: [String: String], _ reason: String?) async throws -> Outcome
    ) async throws -> Response {
        let body = String(decoding: try await request.bytes(upTo: BodyLimit.control), as: UTF8.self)
        guard let name = name(context), let form = URLText.form(body) else {
            throw ServerError(.malformed, "The form is not percent-encoded UTF-8, or names a field twice")
        }
        let entities = try await control.entities()
        guard let gate = entities.first(where: { $0.kind == .gate && $0.name == name }) else {
            return await notFound([.gate], name)
        }
        do {
            if let seen = form["revision"], seen != String(gate.revision) {
                let message = "\(gate.modifiedBy) changed it meanwhile; this is how it is now, please look again"
                throw ControlError(.conflict, message)
            }
            let reason = form["reason"]?.trimmed ?? ""
            guard reason.count <= Self.longestReason else {
                throw ControlError(.invalid, "The reason is longer than \(Self.longestReason) characters")
            }
            let outcome = try await perform(name, form, reason.isEmpty ? nil : reason)
            didChange()
            let path = form["back"] == "overview" ? "/" : ConsolePath.page(of: .gate, name: name)
            let query = "?done=\(outcome.rawValue)&gate=\(URLText.encoded(name))"
            return .seeOther(settings.pathPrefix + path + query)
        } catch let error as ControlError where error.code == .invalid || error.code == .conflict {
            let notice = PageFrame.Notice("Nothing was changed. \(error.message).", isFailure: true)
            let status: HTTPResponse.Status = error.code == .conflict ? .conflict : .badRequest
            return try await page(of: gate, among: entities, request, notice: notice, status: status)
        }
    }

    /// What a change came to; goes through the address of the page that follows.
    enum Outcome: String {
        case on, off, rollout, same
    }

    /// The words for the outcome in the address; the name is shown only if there is such a gate.
    func notice(_ request: Request, _ entities: [Entity]) -> PageFrame.Notice? {
        let query = request.uri.queryParameters
        guard let outcome = query.get("done").flatMap({ Outcome(rawValue: $0) }) else { return nil }
        guard let name = query.get("gate"), entities.contains(where: { $0.kind == .gate && $0.name == name }) else {
            return nil
        }
        switch outcome {
        case .on: return .init("\(name) is on. SDKs learn of it with their next poll.")
        case .off: return .init("\(name) is off. SDKs learn of it with their next poll.")
        case .rollout: return .init("The rollout of \(name) is set. SDKs learn of it with their next poll.")
        case .same: return .init("\(name) was so already; nothing was changed.")
        }
    }
}

extension String {
    /// Without white space at both ends.
    fileprivate var trimmed: String {
        let start = drop { $0.isWhitespace }
        let end = start.lastIndex { !$0.isWhitespace }
        return end.map { String(start[...$0]) } ?? ""
    }
}
