// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import Testing

@Suite("Keys") struct KeyTests {
    @Test func `a new project has one key of each kind, and only once`() async throws {
        let project = TestProject()
        try await project.control.prepare(by: TestProject.change)
        try await project.control.prepare(by: TestProject.change)
        let keys = try await project.control.keys()
        #expect(keys.map(\.kind) == KeyKind.allCases)
        for key in keys {
            #expect(key.key.hasPrefix(key.kind.prefix))
            let random = key.key.dropFirst(key.kind.prefix.count)
            #expect(random.count == 40)
            #expect(random.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) })
            #expect(key.environment == "production")
            #expect(key.isActive)
        }
        #expect(Set(keys.map(\.key)).count == 3)
    }

    @Test func `the system's randomness makes other keys each time`() async throws {
        var keys: Set<String> = []
        for _ in 0..<4 {
            let control = ControlPlane(store: InMemoryControlStore(), now: { 0 })
            try await control.prepare(by: TestProject.change)
            for key in try await control.keys() { keys.insert(key.key) }
        }
        #expect(keys.count == 12)
    }

    @Test func `keys are made for known environments and withdrawn`() async throws {
        let project = try await TestProject.with([])
        let key = try await project.control.createKey(.server, environment: "production", by: TestProject.change)
        #expect(try await project.control.keys().last == key)
        try await project.control.deactivateKey(key.key, by: TestProject.change)
        #expect(try await project.control.keys().last?.isActive == false)
        let error = await #expect(throws: ControlError.self) {
            try await project.control.createKey(.server, environment: "moon", by: TestProject.change)
        }
        #expect(error?.code == .notFound)
    }

    @Test func `the audit log never shows a key`() async throws {
        let project = try await TestProject.with([])
        let key = try await project.control.createKey(.console, environment: "production", by: TestProject.change)
        try await project.control.deactivateKey(key.key, by: TestProject.change)
        let text = try await project.control.auditLog(limit: 100).map { "\($0)" }.joined()
        #expect(text.contains(key.masked))
        for key in try await project.control.keys() { #expect(!text.contains(key.key)) }
    }
}
