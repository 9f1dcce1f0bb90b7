// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Where a project lives; every adapter passes `checkControlStore`.
///
/// Use cases read the state, decide, and commit; a store decides nothing, but lets no two commits build on one state.
package protocol ControlStore: Sendable {
    /// A number that differs after any change, also by another process.
    ///
    /// Cheap enough to be asked several times a second.
    func changeCount() async throws(ControlError) -> Int64

    /// All that is current, as of one instant.
    func state() async throws(ControlError) -> ControlState

    /// Writes all of `update`, durably, or nothing of it; the change count becomes `update.base` + 1.
    /// - Throws: `.conflict` if the change count is not `update.base`: read, decide and commit again.
    func commit(_ update: ControlUpdate) async throws(ControlError)

    /// The newest publication of `environment`, or nil.
    func newestSnapshot(of environment: String) async throws(ControlError) -> StoredSnapshot?

    /// A piece of an ID list's file.
    /// - Parameters:
    ///   - fileID: The file.
    ///   - offset: Where the piece begins.
    ///   - limit: How long it may be, 1 or more.
    /// - Returns: At least a byte if the file reaches beyond `offset`; nil if there is no such file, or no more.
    /// - Throws: `.corrupt` for a file with gaps.
    func idListContent(_ fileID: String, from offset: Int, limit: Int) async throws(ControlError) -> [UInt8]?

    /// The newest `limit` revisions of an entity, newest first.
    func revisions(of reference: EntityReference, limit: Int) async throws(ControlError) -> [Revision]

    /// The newest `limit` audit records below `sequence`, newest first.
    func auditRecords(below sequence: Int64, limit: Int) async throws(ControlError) -> [AuditRecord]
}
