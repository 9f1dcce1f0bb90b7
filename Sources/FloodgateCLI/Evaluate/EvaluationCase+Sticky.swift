// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateJSON

extension EvaluationCase {
    /// Reads what is kept for each user: `{"values": {name: value} or null, "enforce_targeting", "enforce_overrides"}`.
    static func stickyRequests(_ json: JSONValue?, users: Int) throws -> [StickyRequest?] {
        switch json {
        case nil, .null: return Array(repeating: nil, count: users)
        case .array(let entries):
            return (0..<users).map { index in
                guard index < entries.count, let members = entries[index].objectValue else { return nil }
                var request = StickyRequest(members["values"]?.objectValue.map(StickyAssignments.init(json:)))
                request.enforcesTargeting = members["enforce_targeting"]?.boolValue ?? false
                request.enforcesOverrides = members["enforce_overrides"]?.boolValue ?? false
                return request
            }
        default: throw Fault(description: "/persisted: Write a list with an entry for each user")
        }
    }

    /// Experiments and layers as the user keeps them, each with what is to be stored.
    func stickyResults(_ request: StickyRequest, for user: FloodgateUser) -> JSONObject {
        var experiments = JSONObject()
        for name in configNames {
            let (experiment, change) = evaluator.experiment(name, for: user, sticky: request)
            experiments[name] = [.array(Self.row(experiment)), Self.time(experiment.details), change.json]
        }
        var layers = JSONObject()
        for name in layerNames {
            let (layer, change) = evaluator.layer(name, for: user, sticky: request)
            layers[name] = [.array(Self.row(layer)), Self.time(layer.details), change.json]
        }
        return ["sticky_experiments": .object(experiments), "sticky_layers": .object(layers)]
    }

    /// When the document of a kept value had last changed; null for a live one.
    private static func time(_ details: EvaluationDetails) -> JSONValue {
        guard details.reason == .persisted else { return false }
        return details.time.map { .integer(Int64(clamping: $0)) } ?? .null
    }

    /// The parameters of each store, read in each way: as text, float, integer, boolean, list, object; null for none.
    func parameterStores(for user: FloodgateUser) -> JSONObject {
        var stores = JSONObject()
        for name in storeNames {
            var parameters = JSONObject()
            let values = evaluator.parameterStore(name, for: user) ?? JSONObject()
            for parameter in storeParameters[name]?.arrayValue?.compactMap(\.stringValue) ?? [] {
                parameters[parameter] = values[parameter].map(Self.readings) ?? Self.readings(of: .null)
            }
            stores[name] = .object(parameters)
        }
        return stores
    }

    private static func readings(of value: JSONValue) -> JSONValue {
        var integer: JSONValue?
        if case .number(.integer) = value { integer = value }
        return [
            .text(value.stringValue), value.doubleValue.map { .double($0) } ?? .null, integer ?? .null,
            value.boolValue.map { .bool($0) } ?? .null, value.arrayValue.map { .array($0) } ?? .null,
            value.objectValue.map { .object($0) } ?? .null,
        ]
    }
}

extension StickyChange {
    fileprivate var json: JSONValue {
        switch self {
        case .none: .null
        case .delete(let name, let key): ["delete", .string(name), .string(key)]
        case .save(let value, let name, let key): ["save", .string(name), .string(key), value.json]
        }
    }
}
