// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FloodgateRegex
import FloodgateTestSupport
import Testing

@Suite("Patterns and the core") struct GoldenTests {
    /// Recorded by `Scripts/differential/regex.py` from statsig-python-core 0.24.0.
    @Test func `agree on every recorded text`() throws {
        let bytes = try #require(SharedData.repositoryBytes("Tests/Fixtures/regex.jsonl"))
        var pairs = 0
        var differences: [String] = []
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let value = try JSONValue(parsing: Array(line))
            let source = try #require(value["pattern"]?.stringValue)
            let texts = try #require(value["texts"]?.arrayValue).compactMap(\.stringValue)
            let expected = try #require(value["expected"]?.stringValue)
            let pattern = try? Pattern(source)
            let answers = texts.map { pattern?.matches($0) == true ? "1" : "0" }.joined()
            pairs += texts.count
            if answers != expected { differences.append("\(source): \(answers), not \(expected)") }
        }
        #expect(differences.isEmpty)
        #expect(pairs > 15_000)
    }
}
