// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import FloodgateEvaluation
import FloodgateJSON
import HTTPTypes
import Hummingbird

/// `/console/v1/id_lists`: ID lists, for programs with a console key.
struct IDListAPIRoutes: Sendable {
    let control: ControlPlane
    let didChange: @Sendable () -> Void

    /// How many units one request may name.
    private static let mostIDs = 10_000

    func add(to router: Router<ServerContext>) {
        let group = router.group("console/v1/id_lists").group(context: SDKContext.self)
        group.get(use: list)
        group.post(use: create)
        group.get("{id}", use: read)
        group.delete("{id}", use: delete)
        group.patch("{id}/ids") { request, context in
            try await edit(request, context) { ids, name, change in
                try await control.add(ids, toIDList: name, by: change)
            }
        }
        group.delete("{id}/ids") { request, context in
            try await edit(request, context) { ids, name, change in
                try await control.remove(ids, fromIDList: name, by: change)
            }
        }
    }

    /// 200: a page of the lists, without what is in them.
    @Sendable private func list(_ request: Request, _ context: SDKContext) async throws -> Response {
        let lists = try await control.idLists().map { JSONValue.object($0.json) }
        return try ConsolePage(request).answer(lists, message: "ID lists listed successfully.")
    }

    /// 200: the list, with how many units are in it.
    @Sendable private func read(_ request: Request, _ context: SDKContext) async throws -> Response {
        let list = try await control.idList(try name(context))
        return .json(["message": "ID list read successfully.", "data": .object(list.json)])
    }

    /// 201: a list with the `name`, and the `ids` if there are any, is made.
    @Sendable private func create(_ request: Request, _ context: SDKContext) async throws -> Response {
        let body = try await request.changeObject()
        guard let name = body["name"]?.stringValue else {
            throw ServerError(.invalid, "name must be a string")
        }
        let ids = body["ids"] == nil ? IDList() : try ids(body)
        let change = try await control.createIDList(name, ids: ids, by: try change(body, context))
        didChange()
        return answer(change, "ID list created successfully.", status: .created)
    }

    /// 200: the list is gone; with `force=true` also if conditions ask for it.
    @Sendable private func delete(_ request: Request, _ context: SDKContext) async throws -> Response {
        let body = try await request.changeObject()
        let force = request.uri.queryParameters.get("force")
        guard [nil, "true", "false"].contains(force) else {
            throw ServerError(.invalid, "force must be true or false")
        }
        let list = try await control.deleteIDList(
            try name(context),
            force: force == "true",
            by: try change(body, context)
        )
        didChange()
        return .json(["message": "ID list deleted successfully.", "data": .object(list.json)])
    }

    /// 200: the list as it is now, and how many of the `ids` came in or went.
    private func edit(
        _ request: Request,
        _ context: SDKContext,
        _ perform: (IDList, String, Change) async throws -> IDListChange
    ) async throws -> Response {
        let body = try await request.changeObject()
        let change = try await perform(try ids(body), try name(context), try change(body, context))
        if change.didChange { didChange() }
        return answer(change, "ID list updated successfully.")
    }

    // MARK: Parts

    private func name(_ context: SDKContext) throws -> String {
        PercentEncoding.decode(try context.parameters.require("id"))
    }

    private func ids(_ body: JSONObject) throws -> IDList {
        let values = body["ids"]?.arrayValue ?? []
        let ids = values.compactMap(\.stringValue).filter { !$0.isEmpty }
        guard body["ids"]?.arrayValue != nil, ids.count == values.count, ids.count <= Self.mostIDs else {
            throw ServerError(.invalid, "ids must be an array of at most \(Self.mostIDs) strings that are not empty")
        }
        return IDList(ids: ids.map { IDList.hash(of: $0) })
    }

    private func change(_ body: JSONObject, _ context: SDKContext) throws -> Change {
        let reason = body["reason"]
        guard reason == nil || reason?.stringValue != nil else {
            throw ServerError(.invalid, "reason must be a string")
        }
        return Change(actor: "console-api:\(context.caller.masked)", reason: reason?.stringValue)
    }

    private func answer(
        _ change: IDListChange,
        _ message: String,
        status: HTTPResponse.Status = .ok
    ) -> Response {
        var object = change.list.json
        object["changed"] = .integer(change.count)
        return .json(["message": .string(message), "data": .object(object)], status: status)
    }
}

extension IDListHead {
    /// The list as the API has it.
    fileprivate var json: JSONObject {
        [
            "id": .string(name), "name": .string(name), "count": .integer(members), "fileID": .string(fileID),
            "createdTime": .integer(creationTime), "lines": .integer(lines), "sizeBytes": .integer(size),
        ]
    }
}
