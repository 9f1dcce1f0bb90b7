// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateControlPlane
import FloodgateJSON
import FloodgateSpecs
import FoundationEssentials
import GRDB

extension SQLiteControlStore {
    package func state() async throws(ControlError) -> ControlState {
        let reader = RowReader(path: path)
        return try await read { db in
            var state = ControlState()
            guard let control = try Row.fetchOne(db, sql: "SELECT * FROM control WHERE id = 1") else {
                throw ControlError.corruptFile(reader.path, "the table control is empty")
            }
            state.changeCount = try reader.value(control, "change_count")
            state.auditHead = AuditHead(
                sequence: try reader.value(control, "audit_sequence"),
                hash: try reader.value(control, "audit_hash")
            )
            state.settings.members = try reader.object(control, "settings", of: "control")
            for member in try reader.object(control, "experiment_to_layer", of: "control") {
                state.settings.experimentToLayer[member.name] = member.value.stringValue
            }
            state.environments = try String.fetchAll(db, sql: "SELECT name FROM environment ORDER BY position")
            for row in try Row.fetchAll(db, sql: "SELECT * FROM entity") {
                let entity = try reader.entity(row)
                state.entities[entity.reference] = entity
            }
            for row in try Row.fetchAll(db, sql: "SELECT * FROM sdk_key ORDER BY position") {
                state.keys.append(try reader.key(row))
            }
            for row in try Row.fetchAll(db, sql: "SELECT * FROM id_list") {
                let head = try reader.idList(row)
                state.idLists[head.name] = head
            }
            for environment in state.environments {
                let newest = """
                    SELECT sequence, time, content_hash FROM snapshot
                    WHERE environment = ? ORDER BY sequence DESC LIMIT 1
                    """
                guard let row = try Row.fetchOne(db, sql: newest, arguments: [environment]) else { continue }
                state.snapshots[environment] = try reader.head(row)
            }
            return state
        }
    }

    package func newestSnapshot(of environment: String) async throws(ControlError) -> StoredSnapshot? {
        let reader = RowReader(path: path)
        return try await read { db in
            let newest = "SELECT * FROM snapshot WHERE environment = ? ORDER BY sequence DESC LIMIT 1"
            guard let row = try Row.fetchOne(db, sql: newest, arguments: [environment]) else { return nil }
            let content: Data = try reader.value(row, "content")
            return StoredSnapshot(environment: environment, head: try reader.head(row), content: [UInt8](content))
        }
    }

    package func revisions(of reference: EntityReference, limit: Int) async throws(ControlError) -> [Revision] {
        let reader = RowReader(path: path)
        return try await read { db in
            let sql = "SELECT * FROM revision WHERE section = ? AND name = ? ORDER BY revision DESC LIMIT ?"
            let arguments: StatementArguments = [reference.section.rawValue, reference.name, max(limit, 0)]
            return try Row.fetchAll(db, sql: sql, arguments: arguments).map { try reader.revision($0) }
        }
    }

    package func auditRecords(below sequence: Int64, limit: Int) async throws(ControlError) -> [AuditRecord] {
        let reader = RowReader(path: path)
        return try await read { db in
            let sql = "SELECT * FROM audit WHERE sequence < ? ORDER BY sequence DESC LIMIT ?"
            return try Row.fetchAll(db, sql: sql, arguments: [sequence, max(limit, 0)]).map { row in
                AuditRecord(
                    sequence: try reader.value(row, "sequence"),
                    time: try reader.value(row, "time"),
                    actor: try reader.value(row, "actor"),
                    action: try reader.value(row, "action"),
                    entity: try reader.value(row, "entity"),
                    reason: try reader.value(row, "reason"),
                    before: try reader.value(row, "before"),
                    after: try reader.value(row, "after"),
                    previousHash: try reader.value(row, "previous_hash"),
                    hash: try reader.value(row, "hash")
                )
            }
        }
    }
}
