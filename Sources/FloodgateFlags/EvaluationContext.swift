// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateEvaluation
public import FloodgateJSON

/// For whom a flag is resolved, as OpenFeature says it: a key and attributes.
///
/// The targeting key is the user ID. The attributes `email`, `ip`, `userAgent`, `country`, `locale` and `appVersion` are
/// the user's own of that name, `customIDs`, `custom` and `privateAttributes` are objects of such; every other attribute
/// is a custom one. Null is as good as no attribute.
public struct EvaluationContext: Sendable, Hashable {
    /// Who is evaluated; a flag that is not about users works without one.
    public var targetingKey: String?
    /// What rules may ask for.
    public var attributes: JSONObject

    /// Makes a context.
    public init(targetingKey: String? = nil, attributes: JSONObject = JSONObject()) {
        self.targetingKey = targetingKey
        self.attributes = attributes
    }

    /// Reads a context as OFREP writes it: one object with the targeting key among the attributes.
    /// - Throws: `FlagError` with the code `invalidContext` if it is no object or its key no text.
    public init(json: JSONValue) throws(FlagError) {
        guard case .object(var attributes) = json else {
            throw FlagError(.invalidContext, "The context is no object")
        }
        switch attributes.remove("targetingKey") {
        case nil, .null?: targetingKey = nil
        case .string(let key)?: targetingKey = key
        default: throw FlagError(.invalidContext, "targetingKey is no text")
        }
        self.attributes = attributes
    }

    /// This context with what `other` says in addition; where both speak, `other` is heard.
    public func merging(_ other: EvaluationContext) -> EvaluationContext {
        if attributes.isEmpty, targetingKey == nil { return other }
        var merged = self
        if let key = other.targetingKey { merged.targetingKey = key }
        for member in other.attributes { merged.attributes[member.name] = member.value }
        return merged
    }
}

extension FloodgateUser {
    /// The user whom a context speaks of.
    /// - Throws: `FlagError` with the code `invalidContext` if an attribute that has a meaning is of another type.
    public init(_ context: EvaluationContext) throws(FlagError) {
        self.init(userID: context.targetingKey)
        for member in context.attributes where !member.value.isNull {
            let (name, value) = (member.name, member.value)
            switch name {
            case "email": email = try Self.scalar(value, name)
            case "ip": ip = try Self.scalar(value, name)
            case "userAgent": userAgent = try Self.scalar(value, name)
            case "country": country = try Self.scalar(value, name)
            case "locale": locale = try Self.scalar(value, name)
            case "appVersion": appVersion = try Self.scalar(value, name)
            case "customIDs": customIDs = try Self.object(value, name)
            case "privateAttributes": privateAttributes = try Self.object(value, name)
            case "custom": for member in try Self.object(value, name) { custom[member.name] = member.value }
            default: custom[name] = value
            }
        }
    }

    private static func scalar(_ value: JSONValue, _ name: String) throws(FlagError) -> JSONValue {
        switch value {
        case .string, .number, .bool: return value
        default: throw FlagError(.invalidContext, "\(name) is neither a text nor a number")
        }
    }

    private static func object(_ value: JSONValue, _ name: String) throws(FlagError) -> JSONObject {
        guard let object = value.objectValue else { throw FlagError(.invalidContext, "\(name) is no object") }
        return object
    }
}
