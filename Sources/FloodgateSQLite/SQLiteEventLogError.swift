// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateIngest
internal import GRDB

extension EventLogError {
    /// Sorts what the database said into our codes; an `EventLogError` keeps its own, with the place put before it.
    init(database error: any Error, _ what: String) {
        if var known = error as? EventLogError {
            known.message = "\(what): \(known.message)"
            self = known
            return
        }
        guard let failure = error as? DatabaseError else {
            self.init(.storage, what, cause: error)
            return
        }
        switch failure.resultCode {
        case .SQLITE_FULL: self.init(.full, "\(what): the disk is full", cause: error)
        case .SQLITE_CORRUPT, .SQLITE_NOTADB: self.init(.corrupt, "\(what): the file is damaged", cause: error)
        // A table or column that is not there: the file has our mark, but not our content.
        case .SQLITE_ERROR, .SQLITE_SCHEMA, .SQLITE_MISMATCH:
            self.init(.corrupt, "\(what): the file is not what it says", cause: error)
        default: self.init(.storage, what, cause: error)
        }
    }
}
