// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

/// Who is evaluated: a person, device, company or any other unit, with the attributes that rules may ask for.
///
/// Every member takes any JSON value, as in Statsig's Rust core: a number as user ID is hashed and compared by its text.
public struct FloodgateUser: Sendable, Hashable {
    /// The unit ID of type `userID`.
    public var userID: JSONValue?
    /// Unit IDs of other types, such as `companyID` or `stableID`.
    public var customIDs: JSONObject
    /// The user's e-mail address.
    public var email: JSONValue?
    /// The user's IPv4 address; the country is looked up from it where a rule asks and `country` is not set.
    public var ip: JSONValue?
    /// The user's browser, as its `User-Agent` header says.
    public var userAgent: JSONValue?
    /// Two-letter country code (ISO 3166-1).
    public var country: JSONValue?
    /// Language and region, such as `de_CH`.
    public var locale: JSONValue?
    /// The version of the application that the user runs.
    public var appVersion: JSONValue?
    /// Any further attributes; sent along with events.
    public var custom: JSONObject
    /// Attributes that rules may ask for and that never leave the process.
    public var privateAttributes: JSONObject
    /// The user's environment, such as `["tier": "staging"]`; wins over the client's.
    public var statsigEnvironment: JSONObject?
    /// Objects that were given, though empty, so that a response shows them as they came.
    var givenEmpty: GivenObjects = []

    struct GivenObjects: OptionSet, Sendable, Hashable {
        let rawValue: UInt8

        static let customIDs = GivenObjects(rawValue: 1)
        static let custom = GivenObjects(rawValue: 2)
    }

    /// Makes a user of the attributes that are known.
    public init(
        userID: String? = nil,
        customIDs: JSONObject = JSONObject(),
        email: String? = nil,
        ip: String? = nil,
        userAgent: String? = nil,
        country: String? = nil,
        locale: String? = nil,
        appVersion: String? = nil,
        custom: JSONObject = JSONObject(),
        privateAttributes: JSONObject = JSONObject()
    ) {
        self.userID = userID.map(JSONValue.string)
        self.customIDs = customIDs
        self.email = email.map(JSONValue.string)
        self.ip = ip.map(JSONValue.string)
        self.userAgent = userAgent.map(JSONValue.string)
        self.country = country.map(JSONValue.string)
        self.locale = locale.map(JSONValue.string)
        self.appVersion = appVersion.map(JSONValue.string)
        self.custom = custom
        self.privateAttributes = privateAttributes
    }

    /// Reads a user as SDKs write it; members of a type that cannot be used, and null, are left out.
    public init(json: JSONValue) {
        func scalar(_ name: String) -> JSONValue? { json[name].flatMap { $0.isNull ? nil : $0 } }
        self.userID = scalar("userID")
        self.customIDs = json["customIDs"]?.objectValue ?? JSONObject()
        self.email = scalar("email")
        self.ip = scalar("ip")
        self.userAgent = scalar("userAgent")
        self.country = scalar("country")
        self.locale = scalar("locale")
        self.appVersion = scalar("appVersion")
        self.custom = json["custom"]?.objectValue ?? JSONObject()
        self.privateAttributes = json["privateAttributes"]?.objectValue ?? JSONObject()
        self.statsigEnvironment = json["statsigEnvironment"]?.objectValue
        if json["customIDs"]?.objectValue?.isEmpty == true { givenEmpty.insert(.customIDs) }
        if json["custom"]?.objectValue?.isEmpty == true { givenEmpty.insert(.custom) }
    }
}

extension FloodgateUser {
    /// The user as events and client-initialize responses carry it: without private attributes, with what the client adds.
    ///
    /// Members stand in the order of Statsig's Rust core; absent ones are left out.
    /// - Parameters:
    ///   - environment: used if the user has none of its own.
    ///   - globalCustomFields: merged under `custom`; the user's own win.
    /// - Returns: the user's members in wire order.
    public func wireObject(environment: JSONObject?, globalCustomFields: JSONObject = JSONObject()) -> JSONObject {
        var object = JSONObject()
        object.set("userID", userID)
        if !customIDs.isEmpty || givenEmpty.contains(.customIDs) { object["customIDs"] = .object(customIDs) }
        object.set("email", email)
        object.set("ip", ip)
        object.set("userAgent", userAgent)
        object.set("country", country)
        object.set("locale", locale)
        object.set("appVersion", appVersion)
        if globalCustomFields.isEmpty {
            if !custom.isEmpty || givenEmpty.contains(.custom) { object["custom"] = .object(custom) }
        } else {
            var merged = globalCustomFields
            for member in custom { merged[member.name] = member.value }
            object["custom"] = .object(merged)
        }
        if let environment = statsigEnvironment ?? environment { object["statsigEnvironment"] = .object(environment) }
        return object
    }
}
