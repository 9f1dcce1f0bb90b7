// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import Synchronization

/// A store that counts what is written to ID lists.
final class WrittenBytes: ControlStore {
    let store: InMemoryControlStore
    let bytes = Mutex(0)

    init(store: InMemoryControlStore) { self.store = store }

    func changeCount() async throws(ControlError) -> Int64 { try await store.changeCount() }
    func state() async throws(ControlError) -> ControlState { try await store.state() }

    func commit(_ update: ControlUpdate) async throws(ControlError) {
        try await store.commit(update)
        let count = update.idLists.flatMap(\.pieces).reduce(0) { $0 + $1.count }
        bytes.withLock { $0 += count }
    }

    func newestSnapshot(of environment: String) async throws(ControlError) -> StoredSnapshot? {
        try await store.newestSnapshot(of: environment)
    }

    func idListContent(_ fileID: String, from offset: Int, limit: Int) async throws(ControlError) -> [UInt8]? {
        try await store.idListContent(fileID, from: offset, limit: limit)
    }

    func revisions(of reference: EntityReference, limit: Int) async throws(ControlError) -> [Revision] {
        try await store.revisions(of: reference, limit: limit)
    }

    func auditRecords(below sequence: Int64, limit: Int) async throws(ControlError) -> [AuditRecord] {
        try await store.auditRecords(below: sequence, limit: limit)
    }
}
