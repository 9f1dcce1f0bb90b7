// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateSpecs
import Synchronization

/// A project in memory with a clock that is set by hand and randomness that repeats.
final class TestProject: Sendable {
    static let change = Change(actor: "tester", reason: "because")

    let store = InMemoryControlStore()
    let time = Mutex<Int64>(1_000)
    private let seed = Mutex<UInt64>(1)

    var control: ControlPlane {
        ControlPlane(
            store: store,
            now: { self.time.withLock { $0 } },
            random: {
                self.seed.withLock { seed in
                    // SplitMix64.
                    seed &+= 0x9E37_79B9_7F4A_7C15
                    var bits = (seed ^ (seed >> 30)) &* 0xBF58_476D_1CE4_E5B9
                    bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
                    return bits ^ (bits >> 31)
                }
            }
        )
    }

    /// A prepared project with `gates`.
    static func with(_ gates: [Spec], configs: [Spec] = []) async throws -> TestProject {
        let project = TestProject()
        try await project.control.prepare(by: change)
        var document = SpecDocument(time: 1)
        document.gates = gates.map { document.interned($0) }
        document.dynamicConfigs = configs.map { document.interned($0) }
        try await project.control.importDocument(document, by: change)
        return project
    }

    func document() async throws -> SpecDocument {
        try await control.currentDocument(environment: ControlPlane.defaultEnvironment).document
    }

    func sequence() async throws -> Int64 {
        try await control.currentDocument(environment: ControlPlane.defaultEnvironment).sequence
    }
}

extension Spec {
    static func gate(_ name: String, entity: String = "feature_gate", _ rules: [Rule] = []) -> Spec {
        Spec(
            name: name,
            type: "feature_gate",
            entity: entity,
            salt: "salt of \(name)",
            defaultValue: false,
            rules: rules,
            version: 1
        )
    }
}

extension Rule {
    static func rule(_ id: String, _ conditions: [Condition], percent: JSONNumber = .integer(100)) -> Rule {
        Rule(
            id: id,
            name: "name of \(id)",
            passPercentage: percent,
            conditions: conditions.map(ConditionReference.inline),
            returnValue: true
        )
    }

    static func everyone(_ id: String, percent: JSONNumber = .integer(100)) -> Rule {
        rule(id, [Condition(type: "public")], percent: percent)
    }

    static func email(_ id: String) -> Rule {
        rule(id, [Condition(type: "user_field", operator: "any", targetValue: ["a@b.test"], field: "email")])
    }

    static func passing(_ id: String, gate: String) -> Rule {
        rule(id, [Condition(type: "pass_gate", targetValue: .string(gate))])
    }
}
