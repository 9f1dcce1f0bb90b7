// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FloodgateSpecs

/// A promise of `ControlStore` that a store does not keep.
package struct ControlStoreViolation: Error, CustomStringConvertible {
    /// The promise, and what came instead.
    package var description: String
}

/// Checks the promises of `ControlStore` on a store that is empty; every adapter's tests run it.
/// - Throws: `ControlStoreViolation` for a broken promise, or what the store throws where it should not.
package func checkControlStore(_ store: some ControlStore) async throws {
    var check = ControlStoreCheck(store: store)
    try await check.startsEmpty()
    try await check.keepsWhatIsCommitted()
    try await check.refusesStaleCommits()
    try await check.keepsHistory()
    try await check.replacesKeysAndLists()
    try await check.appendsToLists()
    try await check.removesLists()
    try await check.keepsTheNewestSnapshots()
    try await check.letsOneOfManyWin()
}

private struct ControlStoreCheck<Store: ControlStore> {
    let store: Store
    var expected = ControlState()

    private let change = Change(actor: "tester", reason: "because")

    init(store: Store) { self.store = store }

    private func require(_ isKept: Bool, _ promise: String) throws {
        guard isKept else { throw ControlStoreViolation(description: "Not so: \(promise)") }
    }

    private func requireExpectedState(_ when: String) async throws {
        let found = try await store.state()
        try require(found == expected, "the state \(when) is \(expected); found \(found)")
        try require(try await store.changeCount() == expected.changeCount, "the change count is the state's \(when)")
    }

    /// An update onto the expected state with one audit record.
    private func update(_ action: String) -> ControlUpdate {
        var update = ControlUpdate(base: expected.changeCount, change: change, time: 1000 + expected.changeCount)
        var record = AuditRecord(
            sequence: expected.auditHead.sequence + 1,
            time: update.time,
            actor: change.actor,
            action: action,
            entity: nil,
            reason: change.reason,
            before: nil,
            after: #"{"text":"größer \"als\" 'alles'"}"#,
            previousHash: expected.auditHead.hash,
            hash: ""
        )
        record.hash = record.expectedHash
        update.audit = [record]
        return update
    }

    private mutating func commit(_ update: ControlUpdate) async throws {
        try await store.commit(update)
        expected.changeCount += 1
        expected.environments += update.addedEnvironments
        if let settings = update.settings { expected.settings = settings }
        for entity in update.removedEntities { expected.entities[entity.reference] = nil }
        for entity in update.savedEntities { expected.entities[entity.reference] = entity }
        for snapshot in update.snapshots { expected.snapshots[snapshot.environment] = snapshot.head }
        for list in update.idLists { expected.idLists[list.head.name] = list.head }
        for name in update.removedIDLists { expected.idLists[name] = nil }
        if let last = update.audit.last { expected.auditHead = AuditHead(sequence: last.sequence, hash: last.hash) }
    }

    private func entity(_ kind: EntityKind, _ name: String, percent: Double = 12.5) -> Entity {
        let condition = Condition(type: "user_field", operator: "any", targetValue: ["a", 1, 2.5, .null], field: "é")
        let rule = Rule(
            id: "r1",
            name: "Rule",
            passPercentage: .double(percent),
            conditions: [.inline(condition)],
            returnValue: ["x": [true, 9_007_199_254_740_993]]
        )
        var spec = Spec(
            name: name,
            type: kind.section == .gates ? "feature_gate" : "dynamic_config",
            entity: kind.entity,
            salt: "salt",
            defaultValue: false,
            rules: [rule],
            version: 3
        )
        spec.others["description"] = "kept"
        // A rule's missing salt is written as its id, so that is what comes back.
        spec.rules[0].salt = "r1"
        spec.rules[0].conditions = spec.rules[0].conditions.map { reference in
            guard case .inline(var condition) = reference else { return reference }
            condition.additionalValues = [:]
            return .inline(condition)
        }
        let number = expected.changeCount + 1
        return Entity(
            kind: kind,
            spec: spec,
            isSwitchedOff: kind == .gate,
            revision: number,
            createdTime: 999 + number,
            modifiedTime: 999 + number,
            modifiedBy: change.actor
        )
    }

    private func snapshot(_ sequence: Int64) -> StoredSnapshot {
        let head = SnapshotHead(sequence: sequence, time: 5000 + sequence, contentHash: "hash \(sequence)")
        return StoredSnapshot(
            environment: "production",
            head: head,
            content: [0, 255, UInt8(truncatingIfNeeded: sequence)]
        )
    }

    mutating func startsEmpty() async throws {
        try await requireExpectedState("of a new store")
        try require(try await store.newestSnapshot(of: "production") == nil, "a new store has no snapshot")
        try require(try await store.idListContent("f1", from: 0, limit: 9) == nil, "a new store has no ID list")
        try require(try await store.auditRecords(below: .max, limit: 9).isEmpty, "a new store has no audit record")
    }

    mutating func keepsWhatIsCommitted() async throws {
        var update = update("first")
        update.addedEnvironments = ["production", "development"]
        update.settings = ProjectSettings(
            members: ["sdk_configs": ["a": 1.0, "b": 18_446_744_073_709_551_615.0], "app_id": .null],
            experimentToLayer: ["one": "layer", "two": "layer"]
        )
        // One name in each section, as the sections are apart.
        update.savedEntities = [entity(.gate, "same"), entity(.experiment, "same"), entity(.layer, "same")]
        let key = SDKKey(text: "secret-x", kind: .server, environment: "production", createdTime: 7)
        update.savedKeys = [key]
        update.idLists = [IDListUpdate(name: "list", fileID: "f1", creationTime: 8, content: [43, 0, 10])]
        update.snapshots = [snapshot(1)]
        try await commit(update)
        expected.keys = [key]
        try await requireExpectedState("after the first commit")
        try require(try await content(of: "f1") == [43, 0, 10], "ID lists come back as they were")
        try require(try await store.newestSnapshot(of: "production") == snapshot(1), "a snapshot comes back as it was")
        try require(try await store.newestSnapshot(of: "development") == nil, "snapshots of environments are apart")
        try require(try await store.auditRecords(below: .max, limit: 9) == update.audit, "audit records come back")
    }

    mutating func refusesStaleCommits() async throws {
        for base in [expected.changeCount - 1, expected.changeCount + 1, 0] {
            var stale = update("stale")
            stale.base = base
            stale.savedEntities = [entity(.gate, "stale")]
            stale.addedEnvironments = ["stale"]
            do {
                try await store.commit(stale)
                throw ControlStoreViolation(description: "Not so: a commit onto \(base) is refused")
            } catch let error as ControlError {
                try require(error.code == .conflict, "a stale commit is a conflict; found \(error.code)")
            }
        }
        try await requireExpectedState("after refused commits")
    }

    mutating func keepsHistory() async throws {
        let old = try await store.state().entities[EntityReference(section: .gates, name: "same")]
        guard let old else { throw ControlStoreViolation(description: "Not so: the entity is there") }
        var removal = update("remove")
        removal.removedEntities = [old]
        try await commit(removal)
        try await requireExpectedState("after a removal")
        var revival = update("revive")
        revival.savedEntities = [entity(.segment, "same", percent: 100)]
        try await commit(revival)
        try await requireExpectedState("after a revival")
        let revisions = try await store.revisions(of: old.reference, limit: 9)
        let states = revisions.map(\.entity)
        try require(
            states == [revival.savedEntities[0], nil, old],
            "history holds each state, newest first; found \(states)"
        )
        try require(revisions.map(\.revision) == [3, 2, 1], "revisions are numbered by the project's changes")
        try require(revisions.allSatisfy { $0.change == change }, "revisions say who and why")
        let newest = try await store.revisions(of: old.reference, limit: 1)
        try require(newest == [revisions[0]], "a limit keeps the newest")
        let records = try await store.auditRecords(below: 3, limit: 1)
        try require(records.map(\.sequence) == [2], "audit records are paged from the newest down")
    }

    mutating func replacesKeysAndLists() async throws {
        var update = update("replace")
        var first = expected.keys[0]
        first.isActive = false
        let second = SDKKey(
            text: "client-y",
            kind: .client,
            environment: "development",
            createdTime: 9,
            expiresTime: .max
        )
        update.savedKeys = [first, second]
        update.idLists = [
            IDListUpdate(name: "list", fileID: "f2", creationTime: 9, content: []),
            IDListUpdate(name: "a", fileID: "f3", creationTime: 9, content: [1]),
        ]
        try await commit(update)
        expected.keys = [first, second]
        try await requireExpectedState("after keys changed")
        try require(try await content(of: "f3") == [1], "a new list is there")
        try require(try await store.idListContent("f2", from: 0, limit: 9) == nil, "an empty file has no content")
        try require(try await store.idListContent("f1", from: 0, limit: 9) == nil, "a file that was replaced is gone")
    }

    private func content(of fileID: String, inPiecesOf limit: Int = 7) async throws -> [UInt8] {
        var content: [UInt8] = []
        while let piece = try await store.idListContent(fileID, from: content.count, limit: limit) {
            try require(!piece.isEmpty && piece.count <= limit, "a piece is neither empty nor longer than asked for")
            content += piece
        }
        return content
    }

    mutating func appendsToLists() async throws {
        var whole: [UInt8] = []
        for number in 0..<12 {
            let pieces = (0...number % 3).map { piece in [UInt8](repeating: UInt8(number * 3 + piece), count: 5) }
            guard var head = expected.idLists["list"] else { throw ControlStoreViolation(description: "No list") }
            for piece in pieces { head = head.appending(piece, members: number) }
            whole += pieces.joined()
            var update = update("append")
            update.idLists = [IDListUpdate(head: head, pieces: pieces)]
            var stale = update
            stale.base -= 1
            do {
                try await store.commit(stale)
                throw ControlStoreViolation(description: "Not so: a stale commit is refused")
            } catch is ControlError {}
            try await commit(update)
        }
        try await requireExpectedState("after additions to a list")
        for limit in [1, 5, 7, 1_000] {
            try require(try await content(of: "f2", inPiecesOf: limit) == whole, "a list is all that was appended")
        }
        for offset in [0, 1, 4, 5, 6, 13, whole.count - 1] {
            let piece = try await store.idListContent("f2", from: offset, limit: 9) ?? []
            try require(
                !piece.isEmpty && whole[offset...].starts(with: piece),
                "a list is read from anywhere, not from \(offset)"
            )
        }
        try require(
            try await store.idListContent("f2", from: whole.count, limit: 9) == nil,
            "there is nothing after the end"
        )
        try require(try await content(of: "f3") == [1], "other lists stay as they were")
    }

    mutating func removesLists() async throws {
        var removal = update("remove list")
        removal.removedIDLists = ["a", "never was"]
        try await commit(removal)
        try await requireExpectedState("after a list was removed")
        try require(try await store.idListContent("f3", from: 0, limit: 9) == nil, "its file is gone with it")
        try require(try await store.idListContent("f2", from: 0, limit: 9) != nil, "the files of others are not")
        var again = update("make list again")
        again.idLists = [IDListUpdate(name: "a", fileID: "f4", creationTime: 10, content: [2])]
        try await commit(again)
        try await requireExpectedState("after it was made again")
        try require(try await content(of: "f4") == [2], "its name is free again")
    }

    mutating func keepsTheNewestSnapshots() async throws {
        for sequence in 2...StoredSnapshot.keptPerEnvironment + 5 {
            var update = update("publish")
            update.snapshots = [snapshot(sequence)]
            try await commit(update)
        }
        try await requireExpectedState("after many publications")
        let newest = snapshot(StoredSnapshot.keptPerEnvironment + 5)
        try require(try await store.newestSnapshot(of: "production") == newest, "the newest snapshot is found")
    }

    mutating func letsOneOfManyWin() async throws {
        let update = update("race")
        let store = store
        let wins = try await withThrowingTaskGroup(of: Bool.self) { group in
            for _ in 0..<16 {
                group.addTask {
                    do {
                        try await store.commit(update)
                        return true
                    } catch let error as ControlError where error.code == .conflict {
                        return false
                    }
                }
            }
            return try await group.reduce(0) { $0 + ($1 ? 1 : 0) }
        }
        try require(wins == 1, "of many commits onto one state one wins; \(wins) did")
        let count = try await store.changeCount()
        try require(count == expected.changeCount + 1, "what loses a race writes nothing")
    }
}
