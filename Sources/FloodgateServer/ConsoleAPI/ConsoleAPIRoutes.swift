// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import FloodgateJSON
import FloodgateSpecs
import HTTPTypes
import Hummingbird

/// `/console/v1`: what is authored, for programs with a console key.
struct ConsoleAPIRoutes: Sendable {
    let control: ControlPlane
    let didChange: @Sendable () -> Void

    private static let lists: [(path: RouterPath, kinds: Set<EntityKind>, what: String)] = [
        ("gates", [.gate], "Gates"), ("dynamic_configs", [.dynamicConfig], "Dynamic configs"),
        ("experiments", [.experiment], "Experiments"), ("layers", [.layer], "Layers"),
        ("segments", [.segment], "Segments"), ("holdouts", [.holdout], "Holdouts"),
    ]

    func add(to router: Router<ServerContext>) {
        let group = router.group("console/v1")
            .group(context: SDKContext.self)
        for (path, kinds, what) in Self.lists {
            group.get(path) { request, _ in try await list(kinds, what, request) }
            group.get(path.appendingPath("{id}")) { _, context in try await read(kinds, what, context) }
        }
        group.patch("gates/{id}", use: patch)
        group.put("gates/{id}/enable") { request, context in try await set(enabled: true, request, context) }
        group.put("gates/{id}/disable") { request, context in try await set(enabled: false, request, context) }
        group.get("gates/{id}/rules", use: rules)
        group.patch("gates/{id}/rules", use: patchRules)
        group.get("gates/{id}/rules/{ruleID}", use: rule)
        group.patch("gates/{id}/rules/{ruleID}", use: patchRule)
    }

    // MARK: Reading

    /// 200: a page of the list, filtered by `idType`.
    private func list(_ kinds: Set<EntityKind>, _ what: String, _ request: Request) async throws -> Response {
        let page = try ConsolePage(request)
        let state = try await control.state()
        let idTypes = Set(request.uri.queryParameters.getAll("idType").map { String($0) })
        let entities = state.entities(kinds).filter { idTypes.isEmpty || idTypes.contains($0.spec.idType) }
        return page.answer(
            entities.map { JSONValue.object(ConsoleEntity.json($0, in: state)) },
            message: "\(what) listed successfully."
        )
    }

    /// 200: the entity; 404: there is none.
    private func read(_ kinds: Set<EntityKind>, _ what: String, _ context: SDKContext) async throws -> Response {
        let state = try await control.state()
        let id = try parameter("id", context)
        var last: ControlError?
        for kind in EntityKind.allCases where kinds.contains(kind) {
            let names = kind == .segment ? [ConsoleCondition.segmentPrefix + id, id] : [id]
            for name in names {
                do throws(ControlError) {
                    return answer(try await control.entity(kind, name), state, "\(what.dropLast()) read successfully.")
                } catch {
                    guard error.code == .notFound else { throw error }
                    last = error
                }
            }
        }
        throw last ?? ControlError(.notFound, "There is no \"\(id)\"")
    }

    /// 200: the gate's rules.
    @Sendable private func rules(_ request: Request, _ context: SDKContext) async throws -> Response {
        let gate = try await gate(context)
        let rules = gate.spec.rules.map { JSONValue.object($0.consoleJSON) }
        return try ConsolePage(request).answer(rules, message: "Gate rules read successfully.")
    }

    /// 200: one rule of the gate.
    @Sendable private func rule(_ request: Request, _ context: SDKContext) async throws -> Response {
        let gate = try await gate(context)
        let id = try parameter("ruleID", context)
        guard let rule = gate.spec.rules.first(where: { $0.id == id }) else {
            throw ServerError(.notFound, "\(gate.name) has no rule with the id \"\(id)\"")
        }
        return .json(["message": "Gate rule read successfully.", "data": .object(rule.consoleJSON)])
    }

    // MARK: Changing

    /// 200: the gate as it is now; a body says nothing, but is looked at like all others.
    private func set(enabled: Bool, _ request: Request, _ context: SDKContext) async throws -> Response {
        _ = try await request.changeObject()
        let name = try parameter("id", context)
        let change = try await control.setGate(name, enabled: enabled, by: change(context))
        didChange()
        return answer(change.gate, try await control.state(), "Gate \(enabled ? "enabled" : "disabled") successfully.")
    }

    @Sendable private func patch(_ request: Request, _ context: SDKContext) async throws -> Response {
        let body = try await request.changeObject()
        let gate = try await gate(context)
        return try await apply(try GateEdit(gate: body, of: gate, in: try await control.state()), to: gate, context)
    }

    @Sendable private func patchRules(_ request: Request, _ context: SDKContext) async throws -> Response {
        let body = try await request.changeObject()
        let gate = try await gate(context)
        return try await apply(try GateEdit(rules: body, of: gate), to: gate, context)
    }

    @Sendable private func patchRule(_ request: Request, _ context: SDKContext) async throws -> Response {
        let body = try await request.changeObject()
        let gate = try await gate(context)
        let ruleID = try parameter("ruleID", context)
        return try await apply(try GateEdit(rule: body, ruleID: ruleID, of: gate), to: gate, context)
    }

    private func apply(_ edit: GateEdit, to gate: Entity, _ context: SDKContext) async throws -> Response {
        var gate = gate
        let change = change(context)
        if let isEnabled = edit.isEnabled {
            gate = try await control.setGate(gate.name, enabled: isEnabled, by: change).gate
        }
        for edit in edit.percentages {
            gate = try await control.setRollout(
                gate: gate.name,
                percent: edit.percent,
                ruleID: edit.ruleID,
                by: change
            ).gate
        }
        didChange()
        return answer(gate, try await control.state(), "Gate updated successfully.")
    }

    // MARK: Parts

    private func gate(_ context: SDKContext) async throws -> Entity {
        try await control.entity(.gate, try parameter("id", context))
    }

    private func parameter(_ name: String, _ context: SDKContext) throws -> String {
        PercentEncoding.decode(try context.parameters.require(name))
    }

    private func change(_ context: SDKContext) -> Change { Change(actor: "console-api:\(context.caller.masked)") }

    private func answer(_ entity: Entity, _ state: ControlState, _ message: String) -> Response {
        .json(["message": .string(message), "data": .object(ConsoleEntity.json(entity, in: state))])
    }
}
