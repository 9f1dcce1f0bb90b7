// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

/// Who is evaluated: a person, device, company or any other unit, with the attributes that rules may ask for.
///
/// Every member takes any JSON value, as in Statsig's Rust core: a number as user ID is hashed and compared by its text.
public struct FloodgateUser: Sendable, Hashable {
    /// One reference instead of a dozen, so that handing a user on and queuing it with an exposure costs one count.
    private(set) var storage: UserStorage

    private mutating func own() -> UserStorage {
        if !isKnownUniquelyReferenced(&storage) { storage = UserStorage(copying: storage) }
        return storage
    }

    /// The unit ID of type `userID`.
    public var userID: JSONValue? {
        get { storage.userID }
        _modify { yield &own().userID }
    }
    /// Unit IDs of other types, such as `companyID` or `stableID`.
    public var customIDs: JSONObject {
        get { storage.customIDs }
        _modify { yield &own().customIDs }
    }
    /// The user's e-mail address.
    public var email: JSONValue? {
        get { storage.email }
        _modify { yield &own().email }
    }
    /// The user's IPv4 address; the country is looked up from it where a rule asks and `country` is not set.
    public var ip: JSONValue? {
        get { storage.ip }
        _modify { yield &own().ip }
    }
    /// The user's browser, as its `User-Agent` header says.
    public var userAgent: JSONValue? {
        get { storage.userAgent }
        _modify { yield &own().userAgent }
    }
    /// Two-letter country code (ISO 3166-1).
    public var country: JSONValue? {
        get { storage.country }
        _modify { yield &own().country }
    }
    /// Language and region, such as `de_CH`.
    public var locale: JSONValue? {
        get { storage.locale }
        _modify { yield &own().locale }
    }
    /// The version of the application that the user runs.
    public var appVersion: JSONValue? {
        get { storage.appVersion }
        _modify { yield &own().appVersion }
    }
    /// Any further attributes; sent along with events.
    public var custom: JSONObject {
        get { storage.custom }
        _modify { yield &own().custom }
    }
    /// Attributes that rules may ask for and that never leave the process.
    public var privateAttributes: JSONObject {
        get { storage.privateAttributes }
        _modify { yield &own().privateAttributes }
    }
    /// The user's environment, such as `["tier": "staging"]`; wins over the client's.
    public var statsigEnvironment: JSONObject? {
        get { storage.statsigEnvironment }
        _modify { yield &own().statsigEnvironment }
    }
    /// Objects that were given, though empty, so that a response shows them as they came.
    var givenEmpty: GivenObjects {
        get { storage.givenEmpty }
        _modify { yield &own().givenEmpty }
    }

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
        storage = UserStorage(
            userID: userID.map(JSONValue.string),
            customIDs: customIDs,
            email: email.map(JSONValue.string),
            ip: ip.map(JSONValue.string),
            userAgent: userAgent.map(JSONValue.string),
            country: country.map(JSONValue.string),
            locale: locale.map(JSONValue.string),
            appVersion: appVersion.map(JSONValue.string),
            custom: custom,
            privateAttributes: privateAttributes
        )
    }

    /// Reads a user as SDKs write it; members of a type that cannot be used, and null, are left out.
    public init(json: JSONValue) {
        func scalar(_ name: String) -> JSONValue? { json[name].flatMap { $0.isNull ? nil : $0 } }
        let customIDs = json["customIDs"]?.objectValue
        let custom = json["custom"]?.objectValue
        var givenEmpty: GivenObjects = []
        if customIDs?.isEmpty == true { givenEmpty.insert(.customIDs) }
        if custom?.isEmpty == true { givenEmpty.insert(.custom) }
        storage = UserStorage(
            userID: scalar("userID"),
            customIDs: customIDs ?? JSONObject(),
            email: scalar("email"),
            ip: scalar("ip"),
            userAgent: scalar("userAgent"),
            country: scalar("country"),
            locale: scalar("locale"),
            appVersion: scalar("appVersion"),
            custom: custom ?? JSONObject(),
            privateAttributes: json["privateAttributes"]?.objectValue ?? JSONObject(),
            statsigEnvironment: json["statsigEnvironment"]?.objectValue,
            givenEmpty: givenEmpty
        )
    }
}

extension FloodgateUser {
    /// Reads the text that the user ID is hashed by in place; empty without one.
    package func withUserIDText<Result>(_ body: (UnsafeBufferPointer<UInt8>) -> Result) -> Result {
        body(storage.text(.userID))
    }

    /// Whether there are unit IDs of other types.
    package var hasCustomIDs: Bool { !storage.customIDs.isEmpty }

    /// Roughly how many bytes the attributes take in memory; worked out once.
    package var sizeEstimate: Int { storage.sizeEstimate }
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
