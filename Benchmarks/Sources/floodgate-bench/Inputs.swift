// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import BenchmarkKit
internal import FloodgateEvaluation
internal import FloodgateJSON

/// Users and document of a run: the kit's, or made up in the same shape.
struct Inputs: Sendable {
    let document: [UInt8]
    private let users: [JSONValue]
    /// How many gates the document has to rotate through.
    let gateCount: Int

    init(_ arguments: Arguments) throws {
        if let folder = arguments.folder {
            users = try JSONValue(parsing: contents(of: folder + "/users.json")).arrayValue ?? []
        } else {
            users = (0..<1_000).map(MadeUp.user)
        }
        if let specs = arguments.specs ?? (arguments.folder == nil ? 250 : nil) {
            document = MadeUp.document(specs: specs)
            gateCount = specs - specs / 5
        } else {
            let size = arguments.work == .load ? "big" : "std"
            document = try contents(of: (arguments.folder ?? ".") + "/\(size)/statsig.json")
            gateCount = 200
        }
    }

    /// New user objects, so that no two threads share one.
    /// - Parameter generation: 0 for the users as they are, another number for others like them.
    /// - Returns: a thousand users.
    func makeUsers(generation: Int = 0) -> [FloodgateUser] {
        users.map { user in
            FloodgateUser(
                userID: user["id"]?.stringValue.map { generation == 0 ? $0 : "\($0)-\(generation)" },
                email: user["email"]?.stringValue,
                country: user["country"]?.stringValue,
                appVersion: user["appVersion"]?.stringValue,
                custom: ["plan": user["plan"] ?? .null, "age": user["age"] ?? .null]
            )
        }
    }
}
