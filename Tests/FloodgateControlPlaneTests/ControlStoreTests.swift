// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import Testing

@Suite("Store in memory") struct ControlStoreTests {
    @Test func `keeps the promises of a control store`() async throws {
        try await checkControlStore(InMemoryControlStore())
    }

    /// Forgets the audit log's end.
    private struct Forgetful: ControlStore {
        let store = InMemoryControlStore()

        func changeCount() async throws(ControlError) -> Int64 { try await store.changeCount() }
        func commit(_ update: ControlUpdate) async throws(ControlError) { try await store.commit(update) }
        func idListContent(_ fileID: String, from offset: Int, limit: Int) async throws(ControlError) -> [UInt8]? {
            try await store.idListContent(fileID, from: offset, limit: limit)
        }

        func state() async throws(ControlError) -> ControlState {
            var state = try await store.state()
            state.auditHead = .start
            return state
        }

        func newestSnapshot(of environment: String) async throws(ControlError) -> StoredSnapshot? {
            try await store.newestSnapshot(of: environment)
        }

        func revisions(of reference: EntityReference, limit: Int) async throws(ControlError) -> [Revision] {
            try await store.revisions(of: reference, limit: limit)
        }

        func auditRecords(below sequence: Int64, limit: Int) async throws(ControlError) -> [AuditRecord] {
            try await store.auditRecords(below: sequence, limit: limit)
        }
    }

    @Test func `a store that forgets fails the check`() async throws {
        await #expect(throws: ControlStoreViolation.self) { try await checkControlStore(Forgetful()) }
    }
}
