// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateSpecs
import Testing

@Suite("Gates") struct GateTests {
    @Test func `a gate that is switched off is published without rules and keeps them for later`() async throws {
        let project = try await TestProject.with([.gate("checkout", [.email("r1"), .everyone("r2")])])
        let off = try await project.control.setGate("checkout", enabled: false, by: TestProject.change)
        #expect(off.didChange)
        #expect(!off.gate.isEnabled)
        #expect(off.gate.spec.rules.count == 2)
        let published = try #require(try await project.document().gates.first)
        #expect(published.rules.isEmpty)
        #expect(!published.isEnabled)
        #expect(published.version == 2)

        let on = try await project.control.setGate("checkout", enabled: true, by: TestProject.change)
        #expect(on.gate.isEnabled)
        let again = try #require(try await project.document().gates.first)
        #expect(again.rules.count == 2)
        #expect(again.isEnabled)
        #expect(again.version == 3)
    }

    @Test(arguments: [true, false])
    func `what is so already makes no revision, no audit record and no document`(isEnabled: Bool) async throws {
        let project = try await TestProject.with([.gate("checkout", [.everyone("r")])])
        try await project.control.setGate("checkout", enabled: isEnabled, by: TestProject.change)
        let before = try await project.store.state()
        let change = try await project.control.setGate("checkout", enabled: isEnabled, by: TestProject.change)
        #expect(!change.didChange)
        #expect(try await project.store.state() == before)
    }

    @Test func `a gate that came disabled but with rules is switched off and on for real`() async throws {
        var gate = Spec.gate("odd", [.everyone("r")])
        gate.isEnabled = false
        let project = try await TestProject.with([gate])
        #expect(try await project.control.setGate("odd", enabled: false, by: TestProject.change).didChange)
        #expect(try await project.document().gates.first?.rules.isEmpty == true)
        #expect(try await project.control.setGate("odd", enabled: true, by: TestProject.change).gate.isEnabled)
        #expect(try await project.document().gates.first?.isEnabled == true)
    }

    @Test func `a disabled gate without rules is off already`() async throws {
        var gate = Spec.gate("empty")
        gate.isEnabled = false
        let project = try await TestProject.with([gate])
        #expect(try await !project.control.setGate("empty", enabled: false, by: TestProject.change).didChange)
    }

    @Test func `an unknown name is refused with what is spelled nearly so`() async throws {
        let project = try await TestProject.with([.gate("new_checkout"), .gate("free_returns"), .gate("new_checkouts")])
        let error = await #expect(throws: ControlError.self) {
            try await project.control.setGate("new_chekout", enabled: true, by: TestProject.change)
        }
        #expect(error?.code == .notFound)
        #expect(error?.message.contains("\"new_checkout\" or \"new_checkouts\"") == true)
        #expect(error?.message.contains("free_returns") == false)
    }

    @Test func `a reason that a store could not keep is refused`() async throws {
        let project = try await TestProject.with([.gate("checkout")])
        let error = await #expect(throws: ControlError.self) {
            try await project.control.setGate("checkout", enabled: false, by: Change(actor: "ana", reason: "a\0b"))
        }
        #expect(error?.code == .invalid)
    }

    @Test func `a holdout is no gate`() async throws {
        let project = try await TestProject.with([.gate("autumn", entity: "holdout", [.everyone("r")])])
        let error = await #expect(throws: ControlError.self) {
            try await project.control.setGate("autumn", enabled: false, by: TestProject.change)
        }
        #expect(error?.code == .notFound)
        #expect(error?.message == "\"autumn\" is a holdout, not a gate")
    }

    @Test func `history shows each state, newest first, with who and why`() async throws {
        let project = try await TestProject.with([.gate("checkout", [.everyone("r")])])
        try await project.control.setGate("checkout", enabled: false, by: Change(actor: "ana", reason: "broken"))
        let revisions = try await project.control.revisions(.gate, "checkout", limit: 9)
        #expect(revisions.map { $0.entity?.isEnabled } == [false, true])
        #expect(revisions.first?.change == Change(actor: "ana", reason: "broken"))
        let entity = try await project.control.entity(.gate, "checkout")
        #expect(revisions.first?.entity == entity)
        #expect(entity.modifiedBy == "ana")
    }

    @Test func `changes at the same time are all made`() async throws {
        let project = try await TestProject.with((0..<8).map { .gate("gate_\($0)", [.everyone("r")]) })
        await withTaskGroup { group in
            for index in 0..<8 {
                // Each has a cache of its own, as another process would.
                let control = project.control
                group.addTask {
                    _ = try? await control.setGate("gate_\(index)", enabled: false, by: TestProject.change)
                }
            }
        }
        let entities = try await project.control.entities([.gate])
        #expect(entities.count == 8)
        #expect(entities.allSatisfy { !$0.isEnabled })
        #expect(try await project.control.verifyAuditChain() == 13)
    }
}
