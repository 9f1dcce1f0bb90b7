// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
public import FloodgateJSON

/// Named values of a config, an experiment or a layer, read by type; whatever is missing or of another type gives the
/// caller's default.
public protocol Parameters {
    /// Reads `name` with `read`, which says nil to a value that it cannot use.
    func value<Value>(of name: String, _ read: (JSONValue) -> Value?) -> Value?

    /// The names that there are.
    var names: [String] { get }
}

extension Parameters {
    /// The text of `name`.
    public func string(_ name: String, default: String) -> String { value(of: name, \.stringValue) ?? `default` }

    /// The boolean of `name`; a number is none.
    public func bool(_ name: String, default: Bool) -> Bool { value(of: name, \.boolValue) ?? `default` }

    /// The integer of `name`; a number that was written with a fraction is none.
    public func int(_ name: String, default: Int) -> Int {
        value(of: name) { value in
            guard case .number(.integer(let integer)) = value else { return nil }
            return Int(exactly: integer)
        } ?? `default`
    }

    /// The number of `name`, integers included.
    public func double(_ name: String, default: Double) -> Double { value(of: name, \.doubleValue) ?? `default` }

    /// The list of `name`.
    public func array(_ name: String, default: [JSONValue]) -> [JSONValue] {
        value(of: name, \.arrayValue) ?? `default`
    }

    /// The object of `name`.
    public func object(_ name: String, default: JSONObject) -> JSONObject {
        value(of: name, \.objectValue) ?? `default`
    }

    /// The value of `name` as a type of the program's; the default also where it does not decode.
    public func decode<Value: Decodable>(_ name: String, default: Value) -> Value {
        value(of: name) { try? JSONDecoder().decode(Value.self, from: Data($0.bytes)) } ?? `default`
    }

    /// All values as one type of the program's.
    /// - Throws: `DecodingError` if they do not fit the type.
    public func decode<Value: Decodable>(_ type: Value.Type = Value.self) throws -> Value {
        let members = JSONObject(names.lazy.compactMap { name in value(of: name) { $0 }.map { (name, $0) } })
        return try JSONDecoder().decode(type, from: Data(JSONValue.object(members).bytes))
    }
}
