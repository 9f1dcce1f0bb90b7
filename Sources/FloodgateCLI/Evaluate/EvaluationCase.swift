// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateJSON

/// One line of `floodgate evaluate`: a document, what surrounds it, and the users to evaluate.
struct EvaluationCase {
    /// Why a line is not a case.
    struct Fault: Error, CustomStringConvertible {
        var description: String
    }

    let evaluator: Evaluator
    let users: [FloodgateUser]
    let gateNames: [String]
    let configNames: [String]
    let layerNames: [String]
    let storeNames: [String]
    /// The names to read from each parameter store.
    let storeParameters: JSONObject
    let stickyRequests: [StickyRequest?]
    /// Whether client-initialize responses show local overrides.
    let responsesIncludeOverrides: Bool

    init(_ line: [UInt8], now: @escaping @Sendable () -> Int64) throws {
        guard case .object(let object) = try JSONValue(parsing: line, limits: JSONLimits(sizeBytes: .max)) else {
            throw Fault(description: "A case must be a JSON object with specs and users")
        }
        guard let specs = object["specs"] else { throw Fault(description: "The member \"specs\" is missing") }
        guard case .array(let users)? = object["users"] else {
            throw Fault(description: "The member \"users\" must be a list of users")
        }
        self.users = try users.enumerated().map { index, user in
            guard case .object = user else { throw Fault(description: "/users/\(index): A user must be an object") }
            return FloodgateUser(json: user)
        }
        guard let ruleset = try Ruleset(reading: specs, receivedAt: now()) else {
            throw Fault(description: "/specs: The document says that there is nothing new (has_updates is false)")
        }
        gateNames = Self.names(specs["feature_gates"])
        configNames = Self.names(specs["dynamic_configs"])
        layerNames = Self.names(specs["layer_configs"])
        storeParameters = object["parameter_stores"]?.objectValue ?? JSONObject()
        storeNames = storeParameters.names
        stickyRequests = try Self.stickyRequests(object["persisted"], users: users.count)
        responsesIncludeOverrides = object["options"]?["include_local_overrides"]?.boolValue ?? false
        var surroundings = Surroundings(now: now)
        surroundings.overrides = try Self.overrides(object["overrides"])
        try Self.read(object["options"], into: &surroundings)
        surroundings.idLists = try Self.idLists(object["id_lists"])
        evaluator = Evaluator(ruleset, from: .bootstrap, surroundings: surroundings)
    }

    /// The names of a part of the document, whether or not their specs could be read.
    private static func names(_ part: JSONValue?) -> [String] {
        switch part {
        case .object(let specs): specs.names
        case .array(let specs): specs.compactMap { $0["name"]?.stringValue }
        default: []
        }
    }

    private static func read(_ options: JSONValue?, into surroundings: inout Surroundings) throws {
        switch options {
        case nil, .null: return
        case .object(let options):
            switch options["environment"] {
            case nil, .null: break
            case .string(let tier): surroundings.environment = ["tier": .string(tier)]
            case .object(let environment): surroundings.environment = environment
            default: throw Fault(description: "/options/environment: Write a text such as \"staging\"")
            }
            switch options["global_custom_fields"] {
            case nil, .null: break
            case .object(let fields): surroundings.globalCustomFields = fields
            default: throw Fault(description: "/options/global_custom_fields: Write an object")
            }
        default: throw Fault(description: "/options: Write an object")
        }
    }

    static func idLists(_ lists: JSONValue?) throws -> [String: IDList] {
        switch lists {
        case nil, .null: return [:]
        case .object(let lists):
            var byName: [String: IDList] = [:]
            for member in lists {
                guard case .array(let ids) = member.value else {
                    throw Fault(description: "/id_lists/\(member.name): Write a list of eight-character ids")
                }
                byName[member.name] = IDList(ids: Set(ids.compactMap(\.stringValue)))
            }
            return byName
        default: throw Fault(description: "/id_lists: Write an object of lists by name")
        }
    }
}
