// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// One event of a stream of server-sent events.
package struct ServerSentEvent: Sendable, Hashable {
    /// What kind of event it is; `message` where the server does not say.
    package var name: String
    /// The content: the lines of the event, joined by line feeds.
    package var data: [UInt8]
    /// The last ID that the server gave, with this event or an earlier one.
    package var id: String

    package init(name: String, data: [UInt8], id: String) {
        self.name = name
        self.data = data
        self.id = id
    }
}

/// Reads a stream of server-sent events as it arrives, cut anywhere (WHATWG HTML, section 9.2.6).
///
/// Bounded: an event may not have more than `maxBytes`; other fields than its data are cut at 1 KiB of ID and name.
package struct EventStreamParser: Sendable {
    /// What was read.
    package enum Item: Sendable, Hashable {
        case event(ServerSentEvent)
        /// A line for nobody, which shows that the connection lives.
        case comment
        /// How many milliseconds the server wants clients to wait before they connect again.
        case retry(Int64)
    }

    /// An event was longer than allowed; nothing can be read after it.
    package struct Overflow: Error, Hashable {
        package init() {}
    }

    private static let maxTextBytes = 1024

    private let maxBytes: Int
    private var line: [UInt8] = []
    private var data: [UInt8] = []
    private var name = ""
    private var id = ""
    private var hasData = false
    private var followsReturn = false
    private var isFirstLine = true

    /// Makes a parser at the beginning of a stream.
    package init(maxBytes: Int) { self.maxBytes = maxBytes }

    /// Reads what came next; an event that is not complete waits for the rest.
    package mutating func read(_ bytes: [UInt8]) throws(Overflow) -> [Item] {
        var items: [Item] = []
        var rest = bytes[...]
        if followsReturn, let first = rest.first {
            // The second half of a line's end that was cut in two.
            if first == UInt8(ascii: "\n") { rest.removeFirst() }
            followsReturn = false
        }
        while let end = rest.firstIndex(where: { $0 == UInt8(ascii: "\n") || $0 == UInt8(ascii: "\r") }) {
            try append(rest[..<end])
            let isReturn = rest[end] == UInt8(ascii: "\r")
            rest = rest[(end + 1)...]
            if isReturn {
                if rest.isEmpty { followsReturn = true } else if rest.first == UInt8(ascii: "\n") { rest.removeFirst() }
            }
            if let item = endLine() { items.append(item) }
        }
        try append(rest)
        return items
    }

    private mutating func append(_ bytes: ArraySlice<UInt8>) throws(Overflow) {
        guard bytes.count <= maxBytes - line.count - data.count else { throw Overflow() }
        line.append(contentsOf: bytes)
    }

    private mutating func endLine() -> Item? {
        var text = line[...]
        if isFirstLine, text.starts(with: [0xEF, 0xBB, 0xBF]) { text = text.dropFirst(3) }
        isFirstLine = false
        defer { line.removeAll(keepingCapacity: line.capacity <= 65_536) }
        if text.isEmpty { return dispatch() }
        guard let colon = text.firstIndex(of: UInt8(ascii: ":")) else { return field(text, []) }
        if colon == text.startIndex { return .comment }
        var value = text[(colon + 1)...]
        if value.first == UInt8(ascii: " ") { value = value.dropFirst() }
        return field(text[..<colon], value)
    }

    private mutating func field(_ field: ArraySlice<UInt8>, _ value: ArraySlice<UInt8>) -> Item? {
        if field.elementsEqual("data".utf8) {
            if hasData { data.append(UInt8(ascii: "\n")) }
            data.append(contentsOf: value)
            hasData = true
        } else if field.elementsEqual("event".utf8) {
            name = String(decoding: value.prefix(Self.maxTextBytes), as: UTF8.self)
        } else if field.elementsEqual("id".utf8) {
            guard !value.contains(0), value.count <= Self.maxTextBytes else { return nil }
            id = String(decoding: value, as: UTF8.self)
        } else if field.elementsEqual("retry".utf8) {
            guard !value.isEmpty, value.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }) else { return nil }
            return Int64(String(decoding: value, as: UTF8.self)).map { .retry($0) }
        }
        return nil
    }

    private mutating func dispatch() -> Item? {
        defer {
            name = ""
            data = []
            hasData = false
        }
        // As the standard has it: an event whose data are empty is none.
        guard hasData, !data.isEmpty else { return nil }
        return .event(ServerSentEvent(name: name.isEmpty ? "message" : name, data: data, id: id))
    }
}
