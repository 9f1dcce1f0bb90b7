// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import Testing

/// Reading server-sent events as the WHATWG standard has them.
@Suite("Server-sent events") struct EventStreamParserTests {
    typealias Item = EventStreamParser.Item

    private func event(_ data: String, _ name: String = "message", id: String = "") -> Item {
        .event(ServerSentEvent(name: name, data: Array(data.utf8), id: id))
    }

    private func read(_ parts: [[UInt8]], maxBytes: Int = 1000) throws -> [Item] {
        var parser = EventStreamParser(maxBytes: maxBytes)
        return try parts.flatMap { try parser.read($0) }
    }

    private static let text =
        "\u{FEFF}: hello\r\nevent: specs\ndata: {\"a\":\rdata:1}\rid: 7\n\nretry: 1500\r\n\r\ndata\n\n:\n"
        + "data: \u{FEFF}é\u{1F600}\n\nid\ndata:  two\n\nevent: lost\ndata: no end"

    private var expected: [Item] {
        [
            .comment, event("{\"a\":\n1}", "specs", id: "7"), .retry(1500), .comment,
            event("\u{FEFF}é\u{1F600}", id: "7"), event(" two"),
        ]
    }

    @Test func `reads every kind of line`() throws { #expect(try read([Array(Self.text.utf8)]) == expected) }

    @Test(arguments: 0..<Self.text.utf8.count) func `reads the same wherever it is cut`(position: Int) throws {
        let bytes = Array(Self.text.utf8)
        #expect(try read([Array(bytes[..<position]), [], Array(bytes[position...])]) == expected)
    }

    @Test func `reads the same byte by byte`() throws { #expect(try read(Self.text.utf8.map { [$0] }) == expected) }

    @Test(arguments: ["\n", "\r", "\r\n"]) func `knows all ends of lines`(end: String) throws {
        let text = ["data: 1", "data: 2", "", "data: 3", "", ""].joined(separator: end)
        #expect(try read([Array(text.utf8)]) == [event("1\n2"), event("3")])
    }

    @Test(
        arguments: [
            ("data:x\n\n", [("x", "message", "")]), ("data: x\n\n", [("x", "message", "")]),
            ("data:  x\n\n", [(" x", "message", "")]), ("data\ndata\n\n", [("\n", "message", "")]),
            ("data:\n\n", []), ("event: a\n\ndata: x\n\n", [("x", "message", "")]),
            ("id: 1\n\ndata: x\n\n", [("x", "message", "1")]), ("id: 1\0\ndata: x\n\n", [("x", "message", "")]),
            ("Data: y\nwhatever: z\ndata: x\n\n", [("x", "message", "")]),
            ("retry: soon\ndata: x\n\n", [("x", "message", "")]),
            ("retry: 99999999999999999999\ndata: x\n\n", [("x", "message", "")]),
        ] as [(String, [(String, String, String)])]
    )
    func `keeps to the standard where it is odd`(text: String, events: [(String, String, String)]) throws {
        #expect(try read([Array(text.utf8)]) == events.map { event($0.0, $0.1, id: $0.2) })
    }

    @Test(arguments: ["data: " + String(repeating: "x", count: 200), String(repeating: "data: 123\n", count: 40)])
    func `gives up an event that is too long`(text: String) {
        #expect(throws: EventStreamParser.Overflow()) { try read(text.utf8.map { [$0] }, maxBytes: 100) }
    }

    @Test func `holds nothing of the events that are over`() throws {
        var parser = EventStreamParser(maxBytes: 100)
        for _ in 0..<1000 { #expect(try parser.read(Array("data: 123\n\n: hb\n".utf8)).count == 2) }
    }

    @Test(arguments: 0..<200 as Range<UInt64>) func `survives any bytes, cut anywhere`(seed: UInt64) throws {
        var state = seed &+ 1
        func next(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let pieces: [[UInt8]] = [
            [10], [13], [58], [32], [0], [255], Array("data".utf8), Array("event".utf8), Array("id".utf8),
            Array("retry".utf8), Array("12".utf8), [0xEF, 0xBB, 0xBF],
        ]
        let bytes = (0..<60).flatMap { _ in pieces[next(pieces.count)] }
        let whole = try read([bytes])
        let cut = next(bytes.count)
        #expect(try read([Array(bytes[..<cut]), Array(bytes[cut...])]) == whole)
    }
}
