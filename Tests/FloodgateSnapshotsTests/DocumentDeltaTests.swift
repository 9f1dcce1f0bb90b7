// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FloodgateSnapshots
import FloodgateTestSupport
import Testing

/// What turns one document into the next.
@Suite("Deltas") struct DocumentDeltaTests {
    private static func delta(_ old: String, _ new: String) -> DocumentDelta {
        let (old, new) = (Array(old.utf8), Array(new.utf8))
        return DocumentDelta(from: old, SnapshotHash(of: old), to: new, SnapshotHash(of: new))
    }

    private static func apply(_ delta: DocumentDelta, to old: String, limit: Int = 1 << 20) throws -> String {
        let old = Array(old.utf8)
        let sent = try #require(try JSONValue(parsing: JSONValue.object(delta.json).bytes).objectValue)
        let read = try #require(DocumentDelta(json: sent))
        return String(decoding: try read.applied(to: old, SnapshotHash(of: old), limit: limit), as: UTF8.self)
    }

    private static func document(_ specs: some Sequence<String>, time: Int) -> String {
        #"{"time":\#(time),"gates":[\#(specs.joined(separator: ","))],"end":true}"#
    }

    private static func spec(_ number: Int, on: Bool = true) -> String {
        #"{"name":"gate_\#(number)","rules":[{"id":"r\#(number)","text":"größer – \#(number) 🎉","on":\#(on)}]}"#
    }

    @Test func `of a document with one changed gate is as long as the change, not as the document`() throws {
        let old = Self.document((0..<2_000).map { Self.spec($0) }, time: 1)
        let new = Self.document((0..<2_000).map { Self.spec($0, on: $0 != 777) }, time: 2)
        let delta = Self.delta(old, new)
        #expect(JSONValue.object(delta.json).bytes.count < 400)
        #expect(try Self.apply(delta, to: old) == new)
    }

    @Test func `makes the new document of the old one, whatever they are`() throws {
        var generator = SeededGenerator(seed: 11)
        let texts = ["{", "}", "é", "日本", "🎉", "a", "\"", "\\", "},{", "0", "}}"]
        for round in 0..<600 {
            let old: String
            var specs = (0..<Int.random(in: 0...12, using: &generator)).map { Self.spec($0) }
            if round.isMultiple(of: 2) {
                old = Self.document(specs, time: round)
            } else {
                old = (0..<Int.random(in: 0...30, using: &generator))
                    .map { _ in texts.randomElement(using: &generator) ?? "" }.joined()
            }
            var new = old
            if round.isMultiple(of: 2) {
                specs.shuffle(using: &generator)
                for _ in 0..<Int.random(in: 0...3, using: &generator) where !specs.isEmpty {
                    let index = Int.random(in: 0..<specs.count, using: &generator)
                    switch Int.random(in: 0...2, using: &generator) {
                    case 0: specs.remove(at: index)
                    case 1: specs[index] = Self.spec(index, on: false)
                    default: specs.insert(Self.spec(100 + index), at: index)
                    }
                }
                new = Self.document(specs, time: round + 1)
            } else {
                for _ in 0..<Int.random(in: 0...4, using: &generator) {
                    let place = new.index(
                        new.startIndex,
                        offsetBy: Int.random(in: 0...new.count, using: &generator)
                    )
                    new.insert(contentsOf: texts.randomElement(using: &generator) ?? "", at: place)
                }
            }
            #expect(try Self.apply(Self.delta(old, new), to: old) == new)
        }
    }

    @Test func `is refused for another document, and when something else comes of it`() throws {
        let (old, new) = (Self.document([Self.spec(1)], time: 1), Self.document([Self.spec(2)], time: 2))
        let delta = Self.delta(old, new)
        #expect(throws: SnapshotError.self) { try Self.apply(delta, to: new) }
        #expect(throws: SnapshotError.self) { try Self.apply(delta, to: old, limit: new.utf8.count - 1) }
        for (name, value) in [
            ("hash", JSONValue.string(delta.base.text)), ("length", .integer(Int64(delta.length + 1))),
            ("length", .integer(1)), ("parts", .array([[0, 10_000]])), ("parts", .array([[-1, 4]])),
            ("parts", .array([[.integer(Int64.max), .integer(Int64.max)]])), ("parts", .array([[4, -2]])),
            ("parts", .array([])),
        ] {
            var json = delta.json
            json[name] = value
            let changed = try #require(DocumentDelta(json: json))
            #expect(throws: SnapshotError.self, "\(name)") { try Self.apply(changed, to: old) }
        }
        for (name, value) in [
            ("base", JSONValue.string("00")), ("length", .integer(-1)), ("parts", .array([true])),
            ("parts", .array([[1]])), ("parts", .array([[1, "2"]])), ("parts", .string("")),
        ] {
            var json = delta.json
            json[name] = value
            #expect(DocumentDelta(json: json) == nil, "\(name)")
        }
    }
}
