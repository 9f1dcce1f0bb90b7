// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FoundationEssentials
import GRDB

/// The tables of `control.sqlite`.
///
/// Migrations are numbered and append-only: what was released is never edited.
enum ControlSchema {
    /// "FLGC", which tells the file from other programs' databases.
    static let applicationID: Int32 = 0x464C_4743

    static let migrator: DatabaseMigrator = {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("0001 the project") { db in
            try db.execute(sql: project)
        }
        migrator.registerMigration("0002 keys as hashes") { db in
            try db.execute(sql: hashedKeys)
            for row in try Row.fetchAll(db, sql: "SELECT position, key FROM old_sdk_key") {
                let text: String = try row.decode(forColumn: "key")
                let position: Int64 = try row.decode(forColumn: "position")
                try db.execute(
                    sql: """
                        INSERT INTO sdk_key
                        SELECT position, ?, ?, kind, environment, is_active, created_time, NULL
                        FROM old_sdk_key WHERE position = ?
                        """,
                    arguments: [Data(KeyDigest(of: text).bytes), String(text.suffix(4)), position]
                )
            }
            try db.execute(sql: "DROP TABLE old_sdk_key; PRAGMA secure_delete = OFF")
        }
        migrator.registerMigration("0003 ID lists in pieces") { db in
            try db.execute(sql: listsInPieces)
            for name in try String.fetchAll(db, sql: "SELECT name FROM old_id_list ORDER BY name") {
                guard let row = try Row.fetchOne(db, sql: "SELECT * FROM old_id_list WHERE name = ?", arguments: [name])
                else { continue }
                let content: Data = try row.decode(forColumn: "content")
                let list = IDListUpdate(
                    name: name,
                    fileID: try row.decode(forColumn: "file_id"),
                    creationTime: try row.decode(forColumn: "creation_time"),
                    content: [UInt8](content)
                )
                try SQLiteControlStore.write(list, db)
            }
            try db.execute(sql: "DROP TABLE old_id_list")
        }
        return migrator
    }()

    private static let project = """
        PRAGMA application_id = \(applicationID);
        CREATE TABLE control (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            change_count INTEGER NOT NULL,
            settings TEXT NOT NULL,
            experiment_to_layer TEXT NOT NULL,
            audit_sequence INTEGER NOT NULL,
            audit_hash TEXT NOT NULL
        ) STRICT;
        CREATE TABLE environment (
            position INTEGER PRIMARY KEY,
            name TEXT NOT NULL UNIQUE
        ) STRICT;
        CREATE TABLE entity (
            section TEXT NOT NULL,
            name TEXT NOT NULL,
            kind TEXT NOT NULL,
            spec TEXT NOT NULL,
            is_switched_off INTEGER NOT NULL,
            revision INTEGER NOT NULL,
            created_time INTEGER NOT NULL,
            modified_time INTEGER NOT NULL,
            modified_by TEXT NOT NULL,
            PRIMARY KEY (section, name)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE revision (
            section TEXT NOT NULL,
            name TEXT NOT NULL,
            revision INTEGER NOT NULL,
            kind TEXT,
            spec TEXT,
            is_switched_off INTEGER,
            created_time INTEGER,
            time INTEGER NOT NULL,
            actor TEXT NOT NULL,
            reason TEXT,
            PRIMARY KEY (section, name, revision)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE sdk_key (
            position INTEGER PRIMARY KEY,
            key TEXT NOT NULL UNIQUE,
            kind TEXT NOT NULL,
            environment TEXT NOT NULL REFERENCES environment (name),
            is_active INTEGER NOT NULL,
            created_time INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE id_list (
            name TEXT PRIMARY KEY,
            file_id TEXT NOT NULL UNIQUE,
            creation_time INTEGER NOT NULL,
            content BLOB NOT NULL
        ) STRICT;
        CREATE TABLE snapshot (
            environment TEXT NOT NULL REFERENCES environment (name),
            sequence INTEGER NOT NULL,
            time INTEGER NOT NULL,
            content_hash TEXT NOT NULL,
            content BLOB NOT NULL,
            PRIMARY KEY (environment, sequence)
        ) STRICT;
        CREATE TABLE audit (
            sequence INTEGER PRIMARY KEY,
            time INTEGER NOT NULL,
            actor TEXT NOT NULL,
            action TEXT NOT NULL,
            entity TEXT,
            reason TEXT,
            before TEXT,
            after TEXT,
            previous_hash TEXT NOT NULL,
            hash TEXT NOT NULL
        ) STRICT;
        CREATE TRIGGER audit_is_never_edited BEFORE UPDATE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
        CREATE TRIGGER audit_is_never_cut BEFORE DELETE ON audit
        BEGIN SELECT RAISE(ABORT, 'the audit log is append-only'); END;
        INSERT INTO control VALUES (1, 0, '{}', '{}', 0, printf('%064d', 0));
        """

    private static let listsInPieces = """
        ALTER TABLE id_list RENAME TO old_id_list;
        CREATE TABLE id_list (
            name TEXT PRIMARY KEY,
            file_id TEXT NOT NULL UNIQUE,
            creation_time INTEGER NOT NULL,
            size INTEGER NOT NULL,
            lines INTEGER NOT NULL,
            members INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE id_list_piece (
            file_id TEXT NOT NULL REFERENCES id_list (file_id),
            position INTEGER NOT NULL,
            content BLOB NOT NULL,
            PRIMARY KEY (file_id, position)
        ) STRICT;
        """

    /// What is dropped is overwritten, so that no key stays readable in the file.
    private static let hashedKeys = """
        PRAGMA secure_delete = ON;
        ALTER TABLE sdk_key RENAME TO old_sdk_key;
        CREATE TABLE sdk_key (
            position INTEGER PRIMARY KEY,
            digest BLOB NOT NULL UNIQUE,
            last_four TEXT NOT NULL,
            kind TEXT NOT NULL,
            environment TEXT NOT NULL REFERENCES environment (name),
            is_active INTEGER NOT NULL,
            created_time INTEGER NOT NULL,
            expires_time INTEGER
        ) STRICT;
        """
}
