// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import Testing

@Suite("Keys") struct KeyTests {
    @Test func `a new project has one key of each kind, and only once`() async throws {
        let project = TestProject()
        let keys = try await project.control.prepare(by: TestProject.change)
        #expect(try await project.control.prepare(by: TestProject.change).isEmpty)
        #expect(try await project.control.keys() == keys.map(\.key))
        #expect(keys.map(\.key.kind) == KeyKind.initial)
        for issued in keys {
            #expect(issued.text.hasPrefix(issued.key.kind.prefix))
            let random = issued.text.dropFirst(issued.key.kind.prefix.count)
            #expect(random.count == 40)
            #expect(random.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber) })
            #expect(issued.key.digest == KeyDigest(of: issued.text))
            #expect(issued.key.masked == issued.key.kind.prefix + "…" + issued.text.suffix(4))
            #expect(issued.key.environment == "production")
            #expect(issued.key.isGood(at: .max), "It never expires")
        }
        #expect(Set(keys.map(\.text)).count == 3)
    }

    @Test func `the system's randomness makes other keys each time`() async throws {
        var keys: Set<String> = []
        for _ in 0..<4 {
            let control = ControlPlane(store: InMemoryControlStore(), now: { 0 })
            for issued in try await control.prepare(by: TestProject.change) { keys.insert(issued.text) }
        }
        #expect(keys.count == 12)
    }

    @Test func `keys are made for known environments and revoked`() async throws {
        let project = try await TestProject.with([])
        let issued = try await project.control.createKey(.server, environment: "production", by: TestProject.change)
        #expect(try await project.control.keys().last == issued.key)
        try await project.control.revokeKey(issued.text, by: TestProject.change)
        #expect(try await project.control.keys().last?.isActive == false)
        let error = await #expect(throws: ControlError.self) {
            try await project.control.createKey(.server, environment: "moon", by: TestProject.change)
        }
        #expect(error?.code == .notFound)
    }

    @Test func `a key is revoked by what it is listed as, unless that means several`() async throws {
        let keys = ["secret-one-Wx4z", "secret-two-Wx4z", "client-one-Wx4z"].map { text in
            let kind: KeyKind = text.hasPrefix("client") ? .client : .server
            return SDKKey(text: text, kind: kind, environment: "production", createdTime: 1)
        }
        let project = try await TestProject.with([])
        var update = ControlUpdate(base: try await project.control.changeCount(), change: TestProject.change, time: 1)
        update.savedKeys = keys
        try await project.store.commit(update)
        func active() async throws -> [SDKKey] { try await project.control.keys().filter { keys.contains($0) } }

        let several = await #expect(throws: ControlError.self) {
            try await project.control.revokeKey("secret-…Wx4z", by: TestProject.change)
        }
        #expect(several?.code == .invalid)
        #expect(try await active() == keys)
        try await project.control.revokeKey("client-…Wx4z", by: TestProject.change)
        #expect(try await active() == Array(keys[..<2]))
        try await project.control.revokeKey("secret-one-Wx4z", by: TestProject.change)
        try await project.control.revokeKey("secret-…Wx4z", by: TestProject.change)
        #expect(try await active().isEmpty)
        let unknown = await #expect(throws: ControlError.self) {
            try await project.control.revokeKey("secret-…0000", by: TestProject.change)
        }
        #expect(unknown?.code == .notFound)
    }

    @Test func `a key with a lifetime ends to work at its end`() async throws {
        let project = try await TestProject.with([])
        let issued = try await project.control.createKey(
            .client,
            environment: "production",
            lifetime: 500,
            by: TestProject.change
        )
        let end = try #require(issued.key.expiresTime)
        #expect(end == issued.key.createdTime + 500)
        #expect(issued.key.isGood(at: end - 1))
        #expect(!issued.key.isGood(at: end))
        for (lifetime, expected) in [(0, nil), (-1, nil), (Int64.max, Int64.max)] {
            let key = try? await project.control.createKey(
                .client,
                environment: "production",
                lifetime: lifetime,
                by: TestProject.change
            )
            #expect(key?.key.expiresTime == expected)
        }
    }

    @Test func `the store and the audit log never hold a key`() async throws {
        let project = try await TestProject.with([])
        let issued = try await project.control.createKey(.console, environment: "production", by: TestProject.change)
        try await project.control.revokeKey(issued.text, by: TestProject.change)
        let text = try await project.control.auditLog(limit: 100).map { "\($0)" }.joined()
        #expect(text.contains(issued.key.masked))
        #expect(!text.contains(issued.text.dropFirst("console-".count)))
        #expect(!"\(try await project.control.state())".contains(issued.text))
    }
}
