// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

@_spi(Tape) import FloodgateJSON

/// The names that one kind of object has members for, numbered from 0.
protocol MemberName: RawRepresentable<Int> {
    static var names: [StaticString] { get }
}

/// The known members of one object after the other, sorted into slots in one pass; of equal names the last counts.
///
/// Reading an object member by member would look each name up among all others: a tenth of a large document's cost.
struct MemberSlots<Name: MemberName>: ~Copyable, MemberReading {
    private struct Entry {
        var start: UnsafePointer<UInt8>?
        var count = 0
        var number = 0
    }

    /// Open addressing over the names; far more entries than names, so that nearly each is found at once.
    private static var entryCount: Int { 128 }

    private let entries: UnsafeMutablePointer<Entry>
    private let views: UnsafeMutablePointer<JSONView?>
    /// The object whose members are in the slots.
    private(set) var object: JSONView?

    init() {
        entries = .allocate(capacity: Self.entryCount)
        entries.initialize(repeating: Entry(), count: Self.entryCount)
        views = .allocate(capacity: Name.names.count)
        views.initialize(repeating: nil, count: Name.names.count)
        for (number, name) in Name.names.enumerated() {
            let text = UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)
            var place = Self.place(of: text)
            while entries[place].start != nil { place = (place + 1) & (Self.entryCount - 1) }
            entries[place] = Entry(start: name.utf8Start, count: name.utf8CodeUnitCount, number: number)
        }
    }

    deinit {
        entries.deallocate()
        views.deallocate()
    }

    /// Sorts the members of one object, the only one.
    init(of json: JSONView) throws(SpecError) {
        self.init()
        try fill(from: json)
    }

    /// Sorts the members of `json` into the slots.
    mutating func fill(from json: JSONView) throws(SpecError) {
        guard json.kind == .object else { throw SpecError(wanted: "an object") }
        object = json
        views.update(repeating: nil, count: Name.names.count)
        for member in json.members {
            let number = number(of: member.name)
            if number >= 0 { views[number] = member.value }
        }
    }

    /// The members that have no slot, or one of `kept`: each once, at its first place.
    func rest(keeping kept: [Name] = []) -> JSONObject {
        var rest = JSONObject()
        guard let object else { return rest }
        for member in object.members {
            let number = number(of: member.name)
            if number < 0 || kept.contains(where: { $0.rawValue == number }) { rest.take(member) }
        }
        return rest
    }

    subscript(name: Name) -> JSONView? { views[name.rawValue] }

    static func spelling(of name: Name) -> String { "\(Name.names[name.rawValue])" }

    /// The number's name of a member that has a slot.
    func name(of name: JSONView) -> Name? { Name(rawValue: number(of: name)) }

    private static func place(of text: UnsafeBufferPointer<UInt8>) -> Int {
        let count = text.count
        if count == 0 { return 0 }
        return (count &* 5 &+ Int(text[0]) &* 11 &+ Int(text[count &- 1]) &* 3) & (entryCount &- 1)
    }

    private func number(of name: JSONView) -> Int {
        guard let text = name.bytes, let start = text.baseAddress else { return -1 }
        var place = Self.place(of: text)
        while let known = entries[place].start {
            if entries[place].count == text.count, ByteRun.areEqual(known, start, count: text.count) {
                return entries[place].number
            }
            place = (place &+ 1) & (Self.entryCount &- 1)
        }
        return -1
    }
}
