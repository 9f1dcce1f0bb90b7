// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// The members of a JSON object in their order; a name occurs once.
///
/// Look-up compares names one by one up to 16 members and goes through an index beyond, so that a hostile object with
/// a million names costs no more to read than it has bytes.
public struct JSONObject: Sendable {
    /// One name with its value.
    public struct Member: Sendable {
        /// The member's name.
        public var name: String
        /// The member's value.
        public var value: JSONValue
    }

    static let indexThreshold = 16

    private var members: [Member] = []
    private var index: [ExactText: Int] = [:]

    /// Makes an object without members.
    public init() {}

    /// Makes an object of `members` in their order; of equal names the last value wins, at the first one's place.
    public init(_ members: some Sequence<(String, JSONValue)>) {
        for (name, value) in members { self[name] = value }
    }

    /// The value of `name`; setting nil removes the member, setting a new name appends one.
    public subscript(name: String) -> JSONValue? {
        get { position(of: name).map { members[$0].value } }
        set {
            if let position = position(of: name) {
                if let newValue {
                    members[position].value = newValue
                } else {
                    members.remove(at: position)
                    reindex()
                }
            } else if let newValue {
                append(Member(name: name, value: newValue))
            }
        }
    }

    /// The value of `name`, which is removed, or nil.
    public mutating func remove(_ name: String) -> JSONValue? {
        guard let position = position(of: name) else { return nil }
        let value = members.remove(at: position).value
        reindex()
        return value
    }

    /// Sets `name` to `value` if it is not nil, and leaves the object alone otherwise.
    public mutating func set(_ name: String, _ value: JSONValue?) {
        if let value { self[name] = value }
    }

    /// The members' names in order.
    public var names: [String] { members.map(\.name) }

    mutating func reserve(_ count: Int) { members.reserveCapacity(count) }

    /// Adds a member whose name is known to be new.
    mutating func append(_ member: Member) {
        members.append(member)
        if members.count > Self.indexThreshold {
            if index.isEmpty { reindex() } else { index[ExactText(member.name)] = members.count - 1 }
        }
    }

    /// Where the member `name` stands.
    package func position(of name: String) -> Int? {
        if members.count > Self.indexThreshold { return index[ExactText(name)] }
        let length = name.utf8.count
        var position = 0
        while position < members.count {
            // Most names differ in length already.
            if members[position].name.utf8.count == length, members[position].name.isExactly(name) { return position }
            position &+= 1
        }
        return nil
    }

    // One kind of value each, so that reading it copies no more than the value itself.

    /// The text of `name`; nil also where it is of another type.
    package func text(_ name: String) -> String? {
        guard let position = position(of: name), case .string(let text) = members[position].value else { return nil }
        return text
    }

    /// The boolean of `name`; nil also where it is of another type.
    package func flag(_ name: String) -> Bool? {
        guard let position = position(of: name), case .bool(let flag) = members[position].value else { return nil }
        return flag
    }

    /// The number of `name`; nil also where it is of another type.
    package func number(_ name: String) -> JSONNumber? {
        guard let position = position(of: name), case .number(let number) = members[position].value else { return nil }
        return number
    }

    /// Adds a member of a tape; one of a name that is there already takes its value.
    package mutating func take(_ member: (name: JSONView, value: JSONView)) {
        let name = String(decoding: member.name.record.pointee.text, as: UTF8.self)
        if let earlier = position(of: name) {
            members[earlier].value = member.value.value
        } else {
            append(Member(name: name, value: member.value.value))
        }
    }

    private mutating func reindex() {
        index.removeAll(keepingCapacity: true)
        guard members.count > Self.indexThreshold else { return }
        for (position, member) in members.enumerated() { index[ExactText(member.name)] = position }
    }
}

extension JSONObject: RandomAccessCollection {
    /// Always 0.
    public var startIndex: Int { 0 }
    /// The number of members.
    public var endIndex: Int { members.count }
    /// The member at `position`.
    public subscript(position: Int) -> Member { members[position] }
}

extension JSONObject: Hashable {
    /// Whether both have the same members, in whatever order.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        guard left.count == right.count else { return false }
        return left.allSatisfy { right[$0.name] == $0.value }
    }

    /// Mixes the members in so that their order does not matter.
    public func hash(into hasher: inout Hasher) {
        var sum = 0
        for member in members {
            var memberHasher = Hasher()
            memberHasher.combine(ExactText(member.name))
            memberHasher.combine(member.value)
            sum &+= memberHasher.finalize()
        }
        hasher.combine(sum)
    }
}

extension JSONObject: ExpressibleByDictionaryLiteral {
    /// Makes an object with its members in the order given; of equal names the last value wins.
    public init(dictionaryLiteral elements: (String, JSONValue)...) { self.init(elements.lazy.map { ($0.0, $0.1) }) }
}
