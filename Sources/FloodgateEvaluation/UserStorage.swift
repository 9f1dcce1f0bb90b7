// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import Synchronization

/// The attributes of a user, shared by the copies of it until one of them changes.
///
/// Exclusivity is unchecked since only a sole owner writes, and a check would pay for the test at each attribute it reads.
// SAFETY: `FloodgateUser` writes only to storage that it alone refers to.
final class UserStorage: @unchecked Sendable {
    @exclusivity(unchecked) var userID: JSONValue? { didSet { encodeTexts() } }
    @exclusivity(unchecked) var customIDs: JSONObject { didSet { forgetSize() } }
    @exclusivity(unchecked) var email: JSONValue? { didSet { encodeTexts() } }
    @exclusivity(unchecked) var ip: JSONValue? { didSet { encodeTexts() } }
    @exclusivity(unchecked) var userAgent: JSONValue? { didSet { encodeTexts() } }
    @exclusivity(unchecked) var country: JSONValue? { didSet { encodeTexts() } }
    @exclusivity(unchecked) var locale: JSONValue? { didSet { encodeTexts() } }
    @exclusivity(unchecked) var appVersion: JSONValue? { didSet { encodeTexts() } }
    @exclusivity(unchecked) var custom: JSONObject { didSet { forgetSize() } }
    @exclusivity(unchecked) var privateAttributes: JSONObject { didSet { forgetSize() } }
    @exclusivity(unchecked) var statsigEnvironment: JSONObject? { didSet { forgetSize() } }
    @exclusivity(unchecked) var givenEmpty: FloodgateUser.GivenObjects

    /// Eight offsets and then the texts of the seven scalar attributes, in the order of `FieldName.BuiltIn`.
    ///
    /// Owned by this object, so that conditions and hashes read them without touching a reference count.
    @exclusivity(unchecked) private var texts: UnsafeMutableRawPointer

    init(
        userID: JSONValue? = nil,
        customIDs: JSONObject = JSONObject(),
        email: JSONValue? = nil,
        ip: JSONValue? = nil,
        userAgent: JSONValue? = nil,
        country: JSONValue? = nil,
        locale: JSONValue? = nil,
        appVersion: JSONValue? = nil,
        custom: JSONObject = JSONObject(),
        privateAttributes: JSONObject = JSONObject(),
        statsigEnvironment: JSONObject? = nil,
        givenEmpty: FloodgateUser.GivenObjects = []
    ) {
        self.userID = userID
        self.customIDs = customIDs
        self.email = email
        self.ip = ip
        self.userAgent = userAgent
        self.country = country
        self.locale = locale
        self.appVersion = appVersion
        self.custom = custom
        self.privateAttributes = privateAttributes
        self.statsigEnvironment = statsigEnvironment
        self.givenEmpty = givenEmpty
        texts = Self.encoded(userID, email, ip, country, locale, appVersion, userAgent)
    }

    convenience init(copying other: UserStorage) {
        self.init(
            userID: other.userID,
            customIDs: other.customIDs,
            email: other.email,
            ip: other.ip,
            userAgent: other.userAgent,
            country: other.country,
            locale: other.locale,
            appVersion: other.appVersion,
            custom: other.custom,
            privateAttributes: other.privateAttributes,
            statsigEnvironment: other.statsigEnvironment,
            givenEmpty: other.givenEmpty
        )
    }

    deinit { texts.deallocate() }

    /// The text that an attribute is compared and hashed by; empty if it is missing or has none.
    @inline(__always)
    func text(_ attribute: FieldName.BuiltIn) -> UnsafeBufferPointer<UInt8> {
        let offsets = UnsafeRawPointer(texts).assumingMemoryBound(to: Int.self) + Int(attribute.rawValue)
        return UnsafeBufferPointer(
            start: UnsafeRawPointer(texts).assumingMemoryBound(to: UInt8.self) + offsets[0],
            count: offsets[1] &- offsets[0]
        )
    }

    /// 0 until it is asked for; threads that work it out at once find the same.
    private let size = Atomic(0)

    /// Roughly how many bytes the attributes take in memory.
    var sizeEstimate: Int {
        let known = size.load(ordering: .relaxed)
        return known > 0 ? known : measure()
    }

    private func measure() -> Int {
        var sum = 64
        for attribute in [FieldName.BuiltIn.userID, .email, .ip, .country, .locale, .appVersion, .userAgent] {
            sum += text(attribute).count
        }
        for object in [customIDs, custom, privateAttributes, statsigEnvironment ?? JSONObject()] {
            sum += JSONValue.object(object).sizeEstimate
        }
        size.store(sum, ordering: .relaxed)
        return sum
    }

    private func forgetSize() { size.store(0, ordering: .relaxed) }

    private func encodeTexts() {
        forgetSize()
        let encoded = Self.encoded(userID, email, ip, country, locale, appVersion, userAgent)
        texts.deallocate()
        texts = encoded
    }

    private static func encoded(_ attributes: JSONValue?...) -> UnsafeMutableRawPointer {
        let texts = attributes.map { value -> String in
            switch value {
            case nil: ""
            case .string(let text)?: text
            case let value?: AttributeText.text(of: value) ?? ""
            }
        }
        let head = (texts.count + 1) * MemoryLayout<Int>.stride
        let size = texts.reduce(head) { $0 + $1.utf8.count }
        let block = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: MemoryLayout<Int>.alignment)
        let offsets = block.bindMemory(to: Int.self, capacity: texts.count + 1)
        var offset = head
        for (index, text) in texts.enumerated() {
            (offsets + index).initialize(to: offset)
            UnsafeBufferPointer.reading(text) { bytes in
                if let start = bytes.baseAddress { (block + offset).copyMemory(from: start, byteCount: bytes.count) }
                offset += bytes.count
            }
        }
        (offsets + texts.count).initialize(to: offset)
        return block
    }
}

extension UserStorage: Hashable {
    static func == (left: UserStorage, right: UserStorage) -> Bool {
        left === right
            || left.userID == right.userID
                && left.customIDs == right.customIDs
                && left.email == right.email
                && left.ip == right.ip
                && left.userAgent == right.userAgent
                && left.country == right.country
                && left.locale == right.locale
                && left.appVersion == right.appVersion
                && left.custom == right.custom
                && left.privateAttributes == right.privateAttributes
                && left.statsigEnvironment == right.statsigEnvironment
                && left.givenEmpty == right.givenEmpty
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(userID)
        hasher.combine(customIDs)
        hasher.combine(email)
        hasher.combine(ip)
        hasher.combine(userAgent)
        hasher.combine(country)
        hasher.combine(locale)
        hasher.combine(appVersion)
        hasher.combine(custom)
        hasher.combine(privateAttributes)
        hasher.combine(statsigEnvironment)
        hasher.combine(givenEmpty)
    }
}
