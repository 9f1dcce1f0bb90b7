// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateSpecs
import Synchronization
import Testing

@Suite("Audit log") struct AuditTests {
    @Test func `each change is one record that says who, what, why, before and after`() async throws {
        let project = try await TestProject.with([.gate("checkout", [.everyone("r")])])
        project.time.withLock { $0 = 77 }
        try await project.control.setGate("checkout", enabled: false, by: Change(actor: "ana", reason: "broken"))
        let records = try await project.control.auditLog(limit: 9)
        #expect(
            records.map(\.action) == [
                "gate_disable", "project_import", "key_create", "key_create", "key_create", "project_create",
            ]
        )
        let record = try #require(records.first)
        #expect(record.actor == "ana")
        #expect(record.reason == "broken")
        #expect(record.entity == "gate:checkout")
        #expect(record.time == 77)
        let before = try JSONValue(parsing: try #require(record.before))
        let after = try JSONValue(parsing: try #require(record.after))
        #expect(before["switched_off"] == false)
        #expect(after["switched_off"] == true)
        #expect(after["spec"]?["rules"]?.arrayValue?.count == 1)
        #expect(record.previousHash == records[1].hash)
        #expect(try await project.control.verifyAuditChain() == 6)
    }

    /// A store whose audit log somebody has laid hands on.
    struct Tampered: ControlStore {
        let store: InMemoryControlStore
        let edit: @Sendable (inout [AuditRecord]) -> Void

        func changeCount() async throws(ControlError) -> Int64 { try await store.changeCount() }
        func state() async throws(ControlError) -> ControlState { try await store.state() }
        func commit(_ update: ControlUpdate) async throws(ControlError) { try await store.commit(update) }
        func idListContent(_ fileID: String, from offset: Int, limit: Int) async throws(ControlError) -> [UInt8]? {
            try await store.idListContent(fileID, from: offset, limit: limit)
        }

        func newestSnapshot(of environment: String) async throws(ControlError) -> StoredSnapshot? {
            try await store.newestSnapshot(of: environment)
        }

        func revisions(of reference: EntityReference, limit: Int) async throws(ControlError) -> [Revision] {
            try await store.revisions(of: reference, limit: limit)
        }

        func auditRecords(below sequence: Int64, limit: Int) async throws(ControlError) -> [AuditRecord] {
            var records = try await store.auditRecords(below: .max, limit: .max)
            edit(&records)
            return Array(records.filter { $0.sequence < sequence }.prefix(limit))
        }
    }

    /// Edits of six records, newest first; each ends in the number of the record that is named.
    static let edits: [(String, Int64, @Sendable (inout [AuditRecord]) -> Void)] = [
        ("an edited reason", 3, { $0[3].reason = "innocent" }),
        (
            "an edited record with a new hash", 3,
            {
                $0[3].actor = "bob"; $0[3].hash = $0[3].expectedHash
            }
        ),
        ("a removed record", 4, { $0.remove(at: 2) }),
        ("a log cut at its end", 6, { $0.remove(at: 0) }),
        ("a log cut at its beginning", 1, { $0.removeLast() }),
        ("two records exchanged", 6, { $0.swapAt(0, 1) }),
        ("an empty log", 6, { $0.removeAll() }),
    ]

    @Test(arguments: 0..<edits.count)
    func `tampering is found`(index: Int) async throws {
        let (what, number, edit) = Self.edits[index]
        let project = try await TestProject.with([.gate("checkout", [.everyone("r")])])
        try await project.control.setGate("checkout", enabled: false, by: TestProject.change)
        let control = ControlPlane(store: Tampered(store: project.store, edit: edit), now: { 0 })
        let error = await #expect(throws: ControlError.self, "\(what)") { try await control.verifyAuditChain() }
        #expect(error?.code == .corrupt)
        #expect(error?.message.contains("record \(number) ") == true, "\(what): \(error?.message ?? "")")
    }
}
