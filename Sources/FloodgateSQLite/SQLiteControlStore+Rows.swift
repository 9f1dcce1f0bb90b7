// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateSpecs
import FoundationEssentials
import GRDB

/// Turns rows into values; what cannot be read makes the file corrupt.
struct RowReader {
    let path: String

    /// Unlike `row[column]`, which traps on what a damaged file may hold.
    func value<Value: DatabaseValueConvertible>(_ row: Row, _ column: String) throws(ControlError) -> Value {
        do { return try row.decode(Value.self, forColumn: column) } catch {
            throw .corruptFile(path, "a row's \(column) is of the wrong type", cause: error)
        }
    }

    func object(_ row: Row, _ column: String, of what: String) throws(ControlError) -> JSONObject {
        let text: String = try value(row, column)
        do {
            let json = try JSONValue(parsing: text)
            if let object = json.objectValue { return object }
        } catch { throw .corruptFile(path, "\(column) of \(what) is not JSON: \(error)", cause: error) }
        throw .corruptFile(path, "\(column) of \(what) is no JSON object")
    }

    func entity(_ row: Row) throws(ControlError) -> Entity {
        Entity(
            kind: try kind(row),
            spec: try spec(row),
            isSwitchedOff: try value(row, "is_switched_off"),
            revision: try value(row, "revision"),
            createdTime: try value(row, "created_time"),
            modifiedTime: try value(row, "modified_time"),
            modifiedBy: try value(row, "modified_by")
        )
    }

    func revision(_ row: Row) throws(ControlError) -> Revision {
        let change = Change(actor: try value(row, "actor"), reason: try value(row, "reason"))
        let number: Int64 = try value(row, "revision")
        let time: Int64 = try value(row, "time")
        let spec: String? = try value(row, "spec")
        guard spec != nil else { return Revision(entity: nil, revision: number, time: time, change: change) }
        let entity = Entity(
            kind: try kind(row),
            spec: try self.spec(row),
            isSwitchedOff: try value(row, "is_switched_off"),
            revision: number,
            createdTime: try value(row, "created_time"),
            modifiedTime: time,
            modifiedBy: change.actor
        )
        return Revision(entity: entity, revision: number, time: time, change: change)
    }

    func key(_ row: Row) throws(ControlError) -> SDKKey {
        let text: String = try value(row, "kind")
        guard let kind = KeyKind(rawValue: text) else {
            throw .corruptFile(path, "a key has the unknown kind \"\(text)\"")
        }
        let bytes: Data = try value(row, "digest")
        guard let digest = KeyDigest(bytes: [UInt8](bytes)) else {
            throw .corruptFile(path, "a key's digest has \(bytes.count) bytes")
        }
        return SDKKey(
            digest: digest,
            lastFour: try value(row, "last_four"),
            kind: kind,
            environment: try value(row, "environment"),
            isActive: try value(row, "is_active"),
            createdTime: try value(row, "created_time"),
            expiresTime: try value(row, "expires_time")
        )
    }

    func idList(_ row: Row) throws(ControlError) -> IDListHead {
        IDListHead(
            name: try value(row, "name"),
            fileID: try value(row, "file_id"),
            creationTime: try value(row, "creation_time"),
            size: try value(row, "size"),
            lines: try value(row, "lines"),
            members: try value(row, "members")
        )
    }

    func head(_ row: Row) throws(ControlError) -> SnapshotHead {
        SnapshotHead(
            sequence: try value(row, "sequence"),
            time: try value(row, "time"),
            contentHash: try value(row, "content_hash")
        )
    }

    private func kind(_ row: Row) throws(ControlError) -> EntityKind {
        let text: String = try value(row, "kind")
        guard let kind = EntityKind(rawValue: text) else {
            throw .corruptFile(path, "\"\(text)\" is no kind of entity")
        }
        return kind
    }

    private func spec(_ row: Row) throws(ControlError) -> Spec {
        let name: String = try value(row, "name")
        let text: String = try value(row, "spec")
        do { return try Spec(json: JSONValue(parsing: text)) } catch {
            throw .corruptFile(path, "the spec of \"\(name)\" cannot be read: \(error)", cause: error)
        }
    }
}
