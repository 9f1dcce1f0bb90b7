// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateSpecs
import Synchronization
import Testing

@Suite("Published documents") struct PublicationTests {
    @Test func `time rises with each change even if the clock steps back`() async throws {
        let project = try await TestProject.with([.gate("checkout", [.everyone("r")])])
        var last = try await project.document()
        for (step, clock) in [5_000, 5_000, 10, -7, 9_000].enumerated() {
            project.time.withLock { $0 = Int64(clock) }
            try await project.control.setGate("checkout", enabled: step % 2 == 1, by: TestProject.change)
            let next = try await project.document()
            #expect(next.time > last.time)
            #expect(next.time >= UInt64(max(clock, 0)))
            #expect(next.checksum != last.checksum)
            last = next
        }
        #expect(last.time == 9_000)
    }

    @Test func `the checksum is of decimal digits and differs for equal content at another time`() async throws {
        let project = try await TestProject.with([.gate("checkout", [.everyone("r")])])
        var checksums: Set<String> = []
        for step in 0..<4 {
            let checksum = try #require(try await project.document().checksum)
            #expect(UInt64(checksum) != nil)
            checksums.insert(checksum)
            try await project.control.setGate("checkout", enabled: step % 2 == 1, by: TestProject.change)
        }
        #expect(checksums.count == 4)
    }

    @Test func `sequence numbers have no gaps`() async throws {
        let project = try await TestProject.with([.gate("checkout", [.everyone("r")])])
        #expect(try await project.sequence() == 2)
        try await project.control.setGate("checkout", enabled: false, by: TestProject.change)
        try await project.control.setGate("checkout", enabled: false, by: TestProject.change)
        _ = try await project.control.createKey(.client, environment: "production", by: TestProject.change)
        #expect(try await project.sequence() == 3)
    }

    @Test func `the first document is there before there is any entity`() async throws {
        let project = TestProject()
        try await project.control.prepare(by: TestProject.change)
        let document = try await project.document()
        #expect(document.time == 1_000)
        #expect(document.gates.isEmpty)
        for name in ["company_id", "param_stores", "sdk_configs", "diagnostics", "id_lists", "response_format"] {
            #expect(document.others[name] != nil, "\(name) is missing")
        }
        #expect(try await project.control.isEmpty)
    }

    @Test func `names the ID lists that conditions look at`() async throws {
        let condition = Condition(type: "unit_id", operator: "in_segment_list", targetValue: "testers")
        let project = try await TestProject.with([.gate("beta", [.rule("r", [condition])])])
        #expect(try await project.document().others["id_lists"] == ["testers": true])
    }

    @Test func `equal conditions share one entry of the table`() async throws {
        let project = try await TestProject.with([
            .gate("a", [.everyone("r")]), .gate("b", [.everyone("r"), .everyone("s")]),
        ])
        #expect(try await project.document().conditions.ids.count == 1)
    }

    @Test func `an unknown environment is refused`() async throws {
        let project = try await TestProject.with([])
        let error = await #expect(throws: ControlError.self) {
            try await project.control.currentDocument(environment: "prodution")
        }
        #expect(error?.code == .notFound)
        #expect(error?.message.contains("\"production\"") == true)
    }
}
