// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// All that is current in a project, read at one instant; histories and file contents are asked for apart.
package struct ControlState: Sendable, Hashable {
    /// Counts the project's changes.
    package var changeCount: Int64 = 0
    /// The environments, in the order in which they came to be.
    package var environments: [String] = []
    /// What the document holds beside its entities.
    package var settings = ProjectSettings()
    /// The entities.
    package var entities: [EntityReference: Entity] = [:]
    /// The keys, oldest first, revoked and expired ones included.
    package var keys: [SDKKey] = []
    /// The ID lists by name.
    package var idLists: [String: IDListHead] = [:]
    /// The newest publication of each environment.
    package var snapshots: [String: SnapshotHead] = [:]
    /// The end of the audit log.
    package var auditHead = AuditHead.start

    /// The state of a project that was just made.
    package init() {}

    /// The entities of `kinds` in the document's order: by section, then by name.
    package func entities(_ kinds: Set<EntityKind>) -> [Entity] {
        entities.values.filter { kinds.contains($0.kind) }.sorted { $0.reference < $1.reference }
    }
}

/// Everything that one change writes, all of it or none.
package struct ControlUpdate: Sendable {
    /// The change count that the update was made from: another one at the store means a conflict.
    package var base: Int64
    /// Who and why, for the revisions.
    package var change: Change
    /// When, in Unix milliseconds, for the revisions.
    package var time: Int64
    /// Entities as they are to be, each with `revision` = `base` + 1.
    package var savedEntities: [Entity] = []
    /// Entities that are to go; their history stays.
    package var removedEntities: [Entity] = []
    /// The settings, if they change.
    package var settings: ProjectSettings?
    /// Environments to add.
    package var addedEnvironments: [String] = []
    /// Keys to add, or to replace by their digest.
    package var savedKeys: [SDKKey] = []
    /// ID lists to begin or to append to.
    package var idLists: [IDListUpdate] = []
    /// Names of ID lists that are to go, with their files; none of them is in `idLists`.
    package var removedIDLists: [String] = []
    /// Publications to add; the store keeps the newest `StoredSnapshot.keptPerEnvironment`.
    package var snapshots: [StoredSnapshot] = []
    /// Records to append to the audit log; never empty.
    package var audit: [AuditRecord] = []

    package init(base: Int64, change: Change, time: Int64) {
        self.base = base
        self.change = change
        self.time = time
    }
}

/// One saved state of an entity.
package struct Revision: Sendable, Hashable {
    /// The state, or nil if the revision removed the entity.
    package var entity: Entity?
    /// The project's change that made it.
    package var revision: Int64
    /// When, in Unix milliseconds.
    package var time: Int64
    /// Who and why.
    package var change: Change

    package init(entity: Entity?, revision: Int64, time: Int64, change: Change) {
        self.entity = entity
        self.revision = revision
        self.time = time
        self.change = change
    }
}
