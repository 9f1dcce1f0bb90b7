// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateControlPlane
import FoundationEssentials
import GRDB

extension SQLiteControlStore {
    package func idListContent(_ fileID: String, from offset: Int, limit: Int) async throws(ControlError) -> [UInt8]? {
        let reader = RowReader(path: path)
        return try await read { db in
            // From the piece that holds the first byte on.
            let sql = """
                SELECT position, content FROM id_list_piece WHERE file_id = ?1 AND position >= (
                    SELECT position FROM id_list_piece WHERE file_id = ?1 AND position <= ?2
                    ORDER BY position DESC LIMIT 1
                ) ORDER BY position
                """
            var found: [UInt8] = []
            let rows = try Row.fetchCursor(db, sql: sql, arguments: [fileID, offset])
            while found.count < limit, let row = try rows.next() {
                let position: Int = try reader.value(row, "position")
                let content: Data = try reader.value(row, "content")
                let start = offset + found.count - position
                // The last piece may end before the first byte; between two there is never a gap.
                if start >= content.count, found.isEmpty { continue }
                guard 0..<max(1, content.count) ~= start else {
                    throw ControlError.corruptFile(reader.path, "an ID list's pieces do not fit together")
                }
                found += content.dropFirst(start).prefix(limit - found.count)
            }
            return found.isEmpty ? nil : found
        }
    }

    /// Removes a list with its file.
    static func remove(idList name: String, _ db: Database) throws {
        try db.execute(
            sql: "DELETE FROM id_list_piece WHERE file_id = (SELECT file_id FROM id_list WHERE name = ?)",
            arguments: [name]
        )
        try db.execute(sql: "DELETE FROM id_list WHERE name = ?", arguments: [name])
    }

    /// Appends to a list's file, or puts another one in its place.
    static func write(_ list: IDListUpdate, _ db: Database) throws {
        let head = list.head
        try db.execute(
            sql: """
                DELETE FROM id_list_piece
                WHERE file_id = (SELECT file_id FROM id_list WHERE name = ?1 AND file_id <> ?2)
                """,
            arguments: [head.name, head.fileID]
        )
        try db.execute(
            sql: """
                INSERT INTO id_list (name, file_id, creation_time, size, lines, members) VALUES (?, ?, ?, ?, ?, ?)
                ON CONFLICT (name) DO UPDATE SET
                    file_id = excluded.file_id, creation_time = excluded.creation_time, size = excluded.size,
                    lines = excluded.lines, members = excluded.members
                """,
            arguments: [head.name, head.fileID, head.creationTime, head.size, head.lines, head.members]
        )
        var position = list.offset
        for piece in list.pieces where !piece.isEmpty {
            try db.execute(
                sql: "INSERT INTO id_list_piece (file_id, position, content) VALUES (?, ?, ?)",
                arguments: [head.fileID, position, Data(piece)]
            )
            position += piece.count
        }
    }
}
