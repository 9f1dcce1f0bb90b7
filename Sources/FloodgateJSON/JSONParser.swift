// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Fills a tape in one pass.
///
/// It keeps no stack: an array or object that is still open holds the place of the one around it.
struct JSONParser {
    let source: UnsafePointer<UInt8>
    let count: Int
    let limits: JSONLimits
    var position = 0
    private(set) var records: UnsafeMutablePointer<JSONTape.Record>
    private var capacity: Int
    private var used = 0
    /// Texts that held escapes, one after the other; no longer than the rest of the source at the first of them.
    var unescaped: UnsafeMutablePointer<UInt8>?
    var unescapedCount = 0
    /// Where duplicates are refused: the names of each open object so far, and where the last of them stands.
    private var names: [(seen: Set<Name>, last: Name?, place: Int)] = []

    init(_ source: UnsafePointer<UInt8>, count: Int, _ limits: JSONLimits) {
        self.source = source
        self.count = count
        self.limits = limits
        // Enough for all but lists of short numbers. What is not touched costs nothing.
        capacity = count / 4 + 8
        records = .allocate(capacity: capacity)
    }

    mutating func parse() throws(JSONError) {
        var open = -1  // the record of the innermost array or object
        var depth = 0
        value: while true {
            skipBlanks()
            guard position < count else { throw unexpected("a value") }
            switch source[position] {
            case UInt8(ascii: "\""): try text()
            case UInt8(ascii: "{"):
                try enter(.object, &open, &depth)
                if !closes(UInt8(ascii: "}")) {
                    try name(at: depth)
                    continue value
                }
                leave(&open, &depth)
            case UInt8(ascii: "["):
                try enter(.array, &open, &depth)
                if !closes(UInt8(ascii: "]")) { continue value }
                leave(&open, &depth)
            case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number()
            case UInt8(ascii: "t"):
                try literal("true")
                push(JSONTape.Record(.true))
            case UInt8(ascii: "f"):
                try literal("false")
                push(JSONTape.Record(.false))
            case UInt8(ascii: "n"):
                try literal("null")
                push(JSONTape.Record(.null))
            default: throw unexpected("a value")
            }
            // What may follow a value, and the values that it ends.
            while open >= 0 {
                countItem(of: open)
                if records[open].kind == .object {
                    if limits.refusesDuplicateMembers { try refuseDuplicate(at: depth) }
                    skipBlanks()
                    if !closes(UInt8(ascii: "}")) {
                        try expect(UInt8(ascii: ","), "\",\" or \"}\"")
                        skipBlanks()
                        try name(at: depth)
                        continue value
                    }
                } else {
                    skipBlanks()
                    if !closes(UInt8(ascii: "]")) {
                        try expect(UInt8(ascii: ","), "\",\" or \"]\"")
                        continue value
                    }
                }
                leave(&open, &depth)
            }
            break
        }
        if !limits.ignoresTrailingText {
            skipBlanks()
            if position < count { throw failure(.malformed, "Text follows the JSON value") }
        }
    }

    // MARK: Faults

    func failure(_ code: JSONError.Code, _ message: String) -> JSONError {
        JSONError(code: code, offset: position, message: message)
    }

    @inline(never)
    func unexpected(_ wanted: String) -> JSONError {
        guard position < count else {
            return failure(.truncated, "The text ends where \(wanted) should stand")
        }
        let byte = source[position]
        let found = byte > 0x20 && byte < 0x7F ? "\"\(Unicode.Scalar(byte))\"" : "byte \(byte)"
        return failure(.malformed, "\(found) stands where \(wanted) should")
    }

    // MARK: Records

    @inline(__always)
    mutating func push(_ record: JSONTape.Record) {
        if used == capacity { grow() }
        records[used] = record
        used &+= 1
    }

    @inline(never)
    private mutating func grow() {
        let larger = UnsafeMutablePointer<JSONTape.Record>.allocate(capacity: capacity * 2)
        larger.update(from: records, count: used)
        records.deallocate()
        records = larger
        capacity *= 2
    }

    @inline(__always)
    private mutating func enter(_ kind: JSONTape.Kind, _ open: inout Int, _ depth: inout Int) throws(JSONError) {
        guard depth < limits.depth else {
            throw failure(.tooDeep, "Arrays and objects are nested deeper than \(limits.depth)")
        }
        depth &+= 1
        let outer = open
        open = used
        push(JSONTape.Record(kind, extent: outer &+ 1, payload: UInt64(truncatingIfNeeded: position)))
        position &+= 1
        skipBlanks()
    }

    @inline(__always)
    private mutating func leave(_ open: inout Int, _ depth: inout Int) {
        let outer = Int(records[open].extent) &- 1
        let start = records[open].payload
        records[open].extent = UInt32(truncatingIfNeeded: used &- open)
        records[open].payload = start | (UInt64(truncatingIfNeeded: position) &- start) &<< 32
        open = outer
        if depth <= names.count { names[depth &- 1].seen.removeAll() }
        depth &-= 1
    }

    @inline(__always)
    private func countItem(of open: Int) {
        if records[open].tag < 0xFFFF_FF00 { records[open].tag &+= 0x100 }
    }

    // MARK: Punctuation

    @inline(__always)
    private mutating func skipBlanks() {
        while position < count {
            let byte = source[position]
            // The four of them are below "!", and nearly no document has any.
            if byte > 0x20 { return }
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { return }
            position &+= 1
        }
    }

    @inline(__always)
    private mutating func closes(_ byte: UInt8) -> Bool {
        guard position < count, source[position] == byte else { return false }
        position &+= 1
        return true
    }

    @inline(__always)
    private mutating func expect(_ byte: UInt8, _ wanted: String) throws(JSONError) {
        guard position < count, source[position] == byte else { throw unexpected(wanted) }
        position &+= 1
    }

    @inline(__always)
    private mutating func name(at depth: Int) throws(JSONError) {
        guard position < count, source[position] == UInt8(ascii: "\"") else { throw unexpected("a member's name") }
        let start = position
        try text()
        if limits.refusesDuplicateMembers { note(nameAt: start, depth) }
        skipBlanks()
        try expect(UInt8(ascii: ":"), "\":\"")
    }

    @inline(__always)
    private mutating func literal(_ word: StaticString) throws(JSONError) {
        for offset in 0..<word.utf8CodeUnitCount {
            guard position < count, source[position] == word.utf8Start[offset] else { throw unexpected("\"\(word)\"") }
            position &+= 1
        }
    }

    // MARK: Duplicates

    private struct Name: Hashable {
        let bytes: UnsafeBufferPointer<UInt8>

        static func == (left: Name, right: Name) -> Bool { left.bytes.elementsEqual(right.bytes) }

        func hash(into hasher: inout Hasher) { hasher.combine(bytes: UnsafeRawBufferPointer(bytes)) }
    }

    /// Remembers the name that was just read, for when its value has been.
    private mutating func note(nameAt place: Int, _ depth: Int) {
        while names.count < depth { names.append(([], nil, 0)) }
        names[depth - 1].last = Name(bytes: records[used &- 1].text)
        names[depth - 1].place = place
    }

    private mutating func refuseDuplicate(at depth: Int) throws(JSONError) {
        guard depth <= names.count, let name = names[depth - 1].last else { return }
        if !names[depth - 1].seen.insert(name).inserted {
            throw JSONError(
                code: .duplicateMember,
                offset: names[depth - 1].place,
                message: "The member \"\(String(decoding: name.bytes, as: UTF8.self))\" stands twice"
            )
        }
    }
}
