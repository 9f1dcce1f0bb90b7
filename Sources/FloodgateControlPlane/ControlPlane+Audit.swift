// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

extension ControlPlane {
    /// The newest `limit` audit records, newest first.
    package func auditLog(limit: Int) async throws(ControlError) -> [AuditRecord] {
        try await store.auditRecords(below: .max, limit: limit)
    }

    /// Reads the whole audit log and checks that nothing in it was edited, removed, reordered or cut off.
    /// - Returns: how many records there are.
    /// - Throws: `.corrupt`, naming the newest record that is wrong.
    @discardableResult
    package func verifyAuditChain() async throws(ControlError) -> Int64 {
        // Records that others append meanwhile do not disturb the walk from the head down.
        let head = try await store.state().auditHead
        var sequence = head.sequence
        var hash = head.hash
        while sequence > 0 {
            let records = try await store.auditRecords(below: sequence + 1, limit: 500)
            guard !records.isEmpty else { throw Self.broken(sequence, "is missing") }
            for record in records {
                guard record.sequence == sequence else { throw Self.broken(sequence, "is missing") }
                guard record.hash == hash else { throw Self.broken(sequence, "was replaced") }
                guard record.expectedHash == hash else { throw Self.broken(sequence, "was edited") }
                sequence -= 1
                hash = record.previousHash
            }
        }
        guard hash == AuditHead.start.hash else { throw Self.broken(1, "is not the first one") }
        return head.sequence
    }

    private static func broken(_ sequence: Int64, _ what: String) -> ControlError {
        ControlError(.corrupt, "The audit log is not as it was written: record \(sequence) \(what)")
    }
}
