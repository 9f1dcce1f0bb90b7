// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateSnapshots
import Testing

/// What could not be published is refused while it is written.
@Suite("Limits of what is published") struct PublicationLimitTests {
    /// A gate with so many rules, and so many conditions in each.
    private static func gate(rules: Int, conditions: Int = 1, depth: Int = 0) -> String {
        let list = Array(repeating: #""1""#, count: conditions).joined(separator: ",")
        let rule =
            #"{"id":"r","name":"r","passPercentage":50,"conditions":[\#(list)],"returnValue":true,"idType":"userID"}"#
        let deep = String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        return
            #"{"type":"feature_gate","entity":"feature_gate","salt":"s","enabled":true,"defaultValue":false,"idType":"userID","#
            + (depth > 0 ? #""unheard_of":\#(deep),"# : "")
            + #""rules":[\#(Array(repeating: rule, count: rules).joined(separator: ","))]}"#
    }

    private static func list(_ count: Int) -> String {
        let values = (0..<count).map { "\"\($0)\"" }.joined(separator: ",")
        return #"{"type":"user_field","operator":"any","field":"email","targetValue":[\#(values)],"idType":"userID"}"#
    }

    private static let good: [[UInt8]] = [
        ImportTests.document(gate: gate(rules: SnapshotLimits.publishedRules)),
        ImportTests.document(gate: gate(rules: 10, conditions: SnapshotLimits.publishedConditions / 10)),
        ImportTests.document(condition: list(SnapshotLimits.publishedListEntries)),
    ]

    private static let bad: [(what: String, document: [UInt8], pointer: String, limit: Int)] = [
        ("rules", ImportTests.document(gate: gate(rules: 101)), "/feature_gates/a/rules", 100),
        ("conditions", ImportTests.document(gate: gate(rules: 11, conditions: 91)), "/feature_gates/a/rules", 1_000),
        ("values", ImportTests.document(condition: list(100_001)), "/feature_gates/a/rules", 100_000),
        ("levels", ImportTests.document(gate: gate(rules: 1, depth: 40)), "/feature_gates/a", 32),
    ]

    @Test func `takes what is just within them`() async throws {
        for document in Self.good {
            let project = try await TestProject.with([])
            #expect(try await project.control.importDocument(document, by: TestProject.change).didChange)
        }
    }

    @Test(arguments: 0..<4) func `refuses what is beyond, and says what and how much may be`(index: Int) async throws {
        let (what, document, pointer, limit) = Self.bad[index]
        let project = try await TestProject.with([])
        let error = await #expect(throws: ControlError.self) {
            try await project.control.importDocument(document, by: TestProject.change)
        }
        #expect(error?.code == .invalid && error?.pointer == pointer)
        #expect(error?.message.contains(what) ?? false)
        #expect(error?.message.contains("at most \(limit) are published") ?? false)
        #expect(error?.message.contains("\"a\"") ?? false, "it names the gate")
        #expect(try await project.control.entities().isEmpty)
    }

    @Test func `refuses a project of too many, and of too many bytes`() async throws {
        let one =
            #"{"type":"feature_gate","entity":"feature_gate","salt":"s","enabled":true,"defaultValue":false,"#
            + #""idType":"userID","rules":[]"#
        func document(_ count: Int, _ more: String = "") -> [UInt8] {
            let gates = (0..<count).map { "\"g\($0)\":\(one)\(more)}" }.joined(separator: ",")
            let text =
                #"{"has_updates":true,"time":5,"feature_gates":{\#(gates)},"dynamic_configs":{},"layer_configs":{},"#
                + #""experiment_to_layer":{},"condition_map":{}}"#
            return Array(text.utf8)
        }
        let large = #","unheard_of":"\#(String(repeating: "x", count: 1 << 20))""#
        for (bytes, words) in [
            (document(10_001), "10001 gates"), (document(11, large), "at most 10485760 are published"),
        ] {
            let project = try await TestProject.with([])
            let error = await #expect(throws: ControlError.self) {
                try await project.control.importDocument(bytes, by: TestProject.change)
            }
            #expect(error?.code == .invalid && error?.message.contains(words) ?? false)
        }
    }
}
