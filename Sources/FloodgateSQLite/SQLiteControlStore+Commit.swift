// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateControlPlane
import FloodgateJSON
import FloodgateSpecs
import FoundationEssentials
import GRDB

extension SQLiteControlStore {
    package func commit(_ update: ControlUpdate) async throws(ControlError) {
        try await write { db in
            try db.execute(
                sql: "UPDATE control SET change_count = change_count + 1 WHERE id = 1 AND change_count = ?",
                arguments: [update.base]
            )
            guard db.changesCount == 1 else { throw ControlError.changedMeanwhile }
            try Self.write(entitiesOf: update, db)
            try Self.write(accessOf: update, db)
            for list in update.idLists { try Self.write(list, db) }
            for name in update.removedIDLists { try Self.remove(idList: name, db) }
            try Self.write(snapshotsOf: update, db)
            try Self.write(auditOf: update, db)
        }
    }

    private static func write(entitiesOf update: ControlUpdate, _ db: Database) throws {
        if let settings = update.settings {
            let layers = JSONObject(
                settings.experimentToLayer.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.string($0.value)) }
            )
            try db.execute(
                sql: "UPDATE control SET settings = ?, experiment_to_layer = ? WHERE id = 1",
                arguments: [JSONValue.object(settings.members).text, JSONValue.object(layers).text]
            )
        }
        for entity in update.removedEntities {
            try db.execute(
                sql: "DELETE FROM entity WHERE section = ? AND name = ?",
                arguments: [entity.kind.section.rawValue, entity.name]
            )
        }
        for entity in update.savedEntities {
            try db.execute(
                sql: """
                    INSERT OR REPLACE INTO entity
                        (section, name, kind, spec, is_switched_off, revision, created_time, modified_time, modified_by)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    entity.kind.section.rawValue, entity.name, entity.kind.rawValue, entity.spec.json.text,
                    entity.isSwitchedOff, entity.revision, entity.createdTime, entity.modifiedTime, entity.modifiedBy,
                ]
            )
        }
        for (reference, revision) in update.revisions {
            try db.execute(
                sql: """
                    INSERT INTO revision
                        (section, name, revision, kind, spec, is_switched_off, created_time, time, actor, reason)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    reference.section.rawValue, reference.name, revision.revision, revision.entity?.kind.rawValue,
                    revision.entity?.spec.json.text, revision.entity?.isSwitchedOff, revision.entity?.createdTime,
                    revision.time, revision.change.actor, revision.change.reason,
                ]
            )
        }
    }

    private static func write(accessOf update: ControlUpdate, _ db: Database) throws {
        for name in update.addedEnvironments {
            try db.execute(sql: "INSERT INTO environment (name) VALUES (?)", arguments: [name])
        }
        for key in update.savedKeys {
            try db.execute(
                sql: """
                    INSERT INTO sdk_key
                        (digest, last_four, kind, environment, is_active, created_time, expires_time)
                    VALUES (?, ?, ?, ?, ?, ?, ?)
                    ON CONFLICT (digest) DO UPDATE SET is_active = excluded.is_active
                    """,
                arguments: [
                    Data(key.digest.bytes), key.lastFour, key.kind.rawValue, key.environment, key.isActive,
                    key.createdTime, key.expiresTime,
                ]
            )
        }
    }

    private static func write(snapshotsOf update: ControlUpdate, _ db: Database) throws {
        for snapshot in update.snapshots {
            let head = snapshot.head
            try db.execute(
                sql: "INSERT INTO snapshot (environment, sequence, time, content_hash, content) VALUES (?, ?, ?, ?, ?)",
                arguments: [snapshot.environment, head.sequence, head.time, head.contentHash, Data(snapshot.content)]
            )
            try db.execute(
                sql: "DELETE FROM snapshot WHERE environment = ? AND sequence <= ?",
                arguments: [snapshot.environment, head.sequence - StoredSnapshot.keptPerEnvironment]
            )
        }
    }

    private static func write(auditOf update: ControlUpdate, _ db: Database) throws {
        for record in update.audit {
            try db.execute(
                sql: """
                    INSERT INTO audit
                        (sequence, time, actor, action, entity, reason, before, after, previous_hash, hash)
                    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
                    """,
                arguments: [
                    record.sequence, record.time, record.actor, record.action, record.entity, record.reason,
                    record.before,
                    record.after, record.previousHash, record.hash,
                ]
            )
        }
        guard let last = update.audit.last else { return }
        try db.execute(
            sql: "UPDATE control SET audit_sequence = ?, audit_hash = ? WHERE id = 1",
            arguments: [last.sequence, last.hash]
        )
    }
}
