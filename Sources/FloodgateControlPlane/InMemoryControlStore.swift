// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// `ControlStore` in memory, for tests and for trying things out.
package final class InMemoryControlStore: ControlStore {
    private struct Contents {
        var state = ControlState()
        var files: [String: [UInt8]] = [:]
        var snapshots: [String: [StoredSnapshot]] = [:]
        var revisions: [EntityReference: [Revision]] = [:]
        var audit: [AuditRecord] = []
    }

    private let contents = Mutex(Contents())

    /// Makes an empty store.
    package init() {}

    package func changeCount() async throws(ControlError) -> Int64 { contents.withLock { $0.state.changeCount } }

    package func state() async throws(ControlError) -> ControlState { contents.withLock { $0.state } }

    package func commit(_ update: ControlUpdate) async throws(ControlError) {
        let isAccepted = contents.withLock { contents in
            guard contents.state.changeCount == update.base else { return false }
            Self.apply(update, to: &contents)
            return true
        }
        if !isAccepted { throw .changedMeanwhile }
    }

    private static func apply(_ update: ControlUpdate, to contents: inout Contents) {
        contents.state.changeCount += 1
        contents.state.environments += update.addedEnvironments
        if let settings = update.settings { contents.state.settings = settings }
        for entity in update.removedEntities { contents.state.entities[entity.reference] = nil }
        for entity in update.savedEntities { contents.state.entities[entity.reference] = entity }
        for revision in update.revisions {
            contents.revisions[revision.reference, default: []].append(revision.revision)
        }
        for key in update.savedKeys {
            if let index = contents.state.keys.firstIndex(where: { $0.digest == key.digest }) {
                contents.state.keys[index] = key
            } else {
                contents.state.keys.append(key)
            }
        }
        for list in update.idLists {
            let head = list.head
            if let old = contents.state.idLists[head.name], old.fileID != head.fileID {
                contents.files[old.fileID] = nil
            }
            for piece in list.pieces { contents.files[head.fileID, default: []] += piece }
            contents.state.idLists[head.name] = head
        }
        for name in update.removedIDLists {
            if let old = contents.state.idLists.removeValue(forKey: name) { contents.files[old.fileID] = nil }
        }
        for snapshot in update.snapshots {
            contents.state.snapshots[snapshot.environment] = snapshot.head
            let kept = contents.snapshots[snapshot.environment, default: []] + [snapshot]
            contents.snapshots[snapshot.environment] = kept.suffix(Int(StoredSnapshot.keptPerEnvironment))
        }
        for record in update.audit {
            contents.audit.append(record)
            contents.state.auditHead = AuditHead(sequence: record.sequence, hash: record.hash)
        }
    }

    package func newestSnapshot(of environment: String) async throws(ControlError) -> StoredSnapshot? {
        contents.withLock { $0.snapshots[environment]?.last }
    }

    package func idListContent(_ fileID: String, from offset: Int, limit: Int) async throws(ControlError) -> [UInt8]? {
        contents.withLock { contents in
            guard let file = contents.files[fileID], offset < file.count else { return nil }
            return Array(file[offset..<min(offset + limit, file.count)])
        }
    }

    package func revisions(of reference: EntityReference, limit: Int) async throws(ControlError) -> [Revision] {
        contents.withLock { ($0.revisions[reference] ?? []).suffix(max(limit, 0)).reversed() }
    }

    package func auditRecords(below sequence: Int64, limit: Int) async throws(ControlError) -> [AuditRecord] {
        contents.withLock { contents in
            contents.audit.prefix(max(0, Int(clamping: sequence) - 1)).suffix(max(limit, 0)).reversed()
        }
    }
}

extension ControlUpdate {
    /// The revisions that the update adds to its entities' histories.
    package var revisions: [(reference: EntityReference, revision: Revision)] {
        func revision(_ entity: Entity?) -> Revision {
            Revision(entity: entity, revision: base + 1, time: time, change: change)
        }
        return removedEntities.map { ($0.reference, revision(nil)) }
            + savedEntities.map { ($0.reference, revision($0)) }
    }
}

extension ControlError {
    /// What a store says when a commit is not built on its current state.
    package static var changedMeanwhile: ControlError {
        ControlError(.conflict, "The project was changed by somebody else at the same time; try again")
    }
}
