// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
import FloodgateJSON

/// One change as the audit log keeps it; each record holds the hash of the one before.
package struct AuditRecord: Sendable, Hashable {
    /// Counts the project's records from 1.
    package var sequence: Int64
    /// When, in Unix milliseconds.
    package var time: Int64
    /// Who.
    package var actor: String
    /// What was done, such as `gate_update`.
    package var action: String
    /// To what, such as `gate:new_checkout`; nil for the project as a whole.
    package var entity: String?
    /// Why, in the author's words.
    package var reason: String?
    /// What was there before, as JSON text.
    package var before: String?
    /// What is there now, as JSON text.
    package var after: String?
    /// The hash of the record before, 64 zeros for the first.
    package var previousHash: String
    /// SHA-256 of all of the above, in hexadecimal.
    package var hash: String

    package init(
        sequence: Int64,
        time: Int64,
        actor: String,
        action: String,
        entity: String?,
        reason: String?,
        before: String?,
        after: String?,
        previousHash: String,
        hash: String
    ) {
        self.sequence = sequence
        self.time = time
        self.actor = actor
        self.action = action
        self.entity = entity
        self.reason = reason
        self.before = before
        self.after = after
        self.previousHash = previousHash
        self.hash = hash
    }

    /// The hash that the record must have.
    package var expectedHash: String {
        let parts: [JSONValue] = [
            .string(previousHash), .integer(sequence), .integer(time), .string(actor), .string(action), .text(entity),
            .text(reason), .text(before), .text(after),
        ]
        return Hexadecimal.text(of: SHA256.digest(of: JSONValue.array(parts).bytes))
    }
}

/// The end of the audit log.
package struct AuditHead: Sendable, Hashable {
    /// The last record's number, 0 if there is none.
    package var sequence: Int64
    /// The last record's hash.
    package var hash: String

    package init(sequence: Int64, hash: String) {
        self.sequence = sequence
        self.hash = hash
    }

    /// The end of a log without records.
    package static let start = AuditHead(sequence: 0, hash: String(repeating: "0", count: 64))
}
