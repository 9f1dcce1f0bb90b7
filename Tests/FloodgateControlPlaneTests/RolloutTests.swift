// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateSpecs
import Testing

@Suite("Rollout") struct RolloutTests {
    @Test(arguments: [-1, -0.0001, 100.01, .infinity, .nan, 12.34567])
    func `refuses what is not a percentage`(percent: Double) async throws {
        let project = try await TestProject.with([.gate("checkout", [.everyone("r")])])
        let before = try await project.store.state()
        let error = await #expect(throws: ControlError.self) {
            try await project.control.setRollout(gate: "checkout", percent: percent, by: TestProject.change)
        }
        #expect(error?.code == .invalid)
        #expect(error?.message.contains("from 0 to 100") == true)
        #expect(try await project.store.state() == before)
    }

    @Test(arguments: [
        (0, JSONNumber.integer(0)), (100, .integer(100)), (12.5, .double(12.5)), (0.0001, .double(0.0001)),
        (33.3333, .double(33.3333)), (99.99, .double(99.99)),
    ])
    func `writes whole percentages as integers`(percent: Double, number: JSONNumber) async throws {
        let project = try await TestProject.with([.gate("checkout", [.everyone("r", percent: .integer(50))])])
        let change = try await project.control.setRollout(gate: "checkout", percent: percent, by: TestProject.change)
        #expect(change.gate.spec.rules.map(\.passPercentage) == [number])
        #expect(try await project.document().gates.first?.rules.map(\.passPercentage) == [number])
    }

    private static let holdout = Spec.gate("autumn", entity: "holdout", [.everyone("h", percent: .integer(5))])

    private static func rollOut(_ rules: [Rule], ruleID: String? = nil) async throws -> [String: Double] {
        let project = try await TestProject.with([holdout, .gate("checkout", rules)])
        let change = try await project.control.setRollout(
            gate: "checkout",
            percent: 25,
            ruleID: ruleID,
            by: TestProject.change
        )
        return Dictionary(
            change.gate.spec.rules.map { ($0.id, $0.passPercentage.doubleValue) },
            uniquingKeysWith: { first, _ in first }
        )
    }

    @Test func `changes the only rule beside overrides and holdouts`() async throws {
        let rules: [Rule] = [
            .email("pass:all:id_override"), .email("x:override"), .passing("h", gate: "autumn"), .email("r"),
        ]
        let shares = try await Self.rollOut(rules)
        #expect(shares == ["pass:all:id_override": 100, "x:override": 100, "h": 100, "r": 25])
    }

    @Test func `changes the last of several rules if it is for everyone`() async throws {
        #expect(try await Self.rollOut([.email("a"), .everyone("b")]) == ["a": 100, "b": 25])
    }

    @Test func `changes the rule that is named`() async throws {
        #expect(try await Self.rollOut([.email("a"), .everyone("b")], ruleID: "a") == ["a": 25, "b": 100])
    }

    @Test func `asks which rule is meant if that is not clear`() async throws {
        let error = await #expect(throws: ControlError.self) { try await Self.rollOut([.everyone("a"), .email("b")]) }
        #expect(error?.code == .invalid)
        #expect(error?.message.contains("\"a\" (name of a), \"b\" (name of b)") == true)
    }

    @Test func `refuses an unknown rule`() async throws {
        let error = await #expect(throws: ControlError.self) {
            try await Self.rollOut([.everyone("abc")], ruleID: "abd")
        }
        #expect(error?.code == .notFound)
        #expect(error?.message.contains("\"abc\"") == true)
    }

    @Test func `adds a rule for everyone after overrides and holdouts if there is none`() async throws {
        let rules: [Rule] = [.email("pass:all:id_override"), .passing("h", gate: "autumn")]
        let project = try await TestProject.with([Self.holdout, .gate("checkout", rules)])
        let gate = try await project.control.setRollout(gate: "checkout", percent: 25, by: TestProject.change).gate
        #expect(gate.spec.rules.count == 3)
        let added = try #require(gate.spec.rules.last)
        #expect(added.isPublic)
        #expect(added.returnValue == true)
        #expect(added.passPercentage == .integer(25))
        #expect(added.salt?.isEmpty == false)

        let more = try await project.control.setRollout(gate: "checkout", percent: 50, by: TestProject.change).gate
        #expect(more.spec.rules.count == 3)
        #expect(more.spec.rules.last?.salt == added.salt, "the same units stay in as the share grows")
    }

    @Test func `the same percentage again changes nothing`() async throws {
        let project = try await TestProject.with([.gate("checkout", [.everyone("r", percent: .double(50))])])
        let sequence = try await project.sequence()
        #expect(try await !project.control.setRollout(gate: "checkout", percent: 50, by: TestProject.change).didChange)
        #expect(try await project.sequence() == sequence)
    }

    @Test func `a gate that is off can be prepared for later`() async throws {
        let project = try await TestProject.with([.gate("checkout", [.everyone("r")])])
        try await project.control.setGate("checkout", enabled: false, by: TestProject.change)
        let gate = try await project.control.setRollout(gate: "checkout", percent: 10, by: TestProject.change).gate
        #expect(!gate.isEnabled)
        #expect(try await project.document().gates.first?.rules.isEmpty == true)
    }
}
