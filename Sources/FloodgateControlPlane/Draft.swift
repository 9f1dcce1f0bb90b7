// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FloodgateSpecs

/// A change in the making: works on a copy of the state and says in the end what must be written, if anything.
struct Draft {
    let base: ControlState
    let change: Change
    let now: Int64

    private(set) var entities: [EntityReference: Entity]
    private(set) var settings: ProjectSettings
    private var environments: [String] = []
    private var keys: [SDKKey] = []
    private var idLists: [IDListUpdate] = []
    private var removedIDLists: Set<String> = []
    private var notes: [Note] = []

    private struct Note {
        var action: String
        var entity: String?
        var before: JSONValue?
        var after: JSONValue?
    }

    init(base: ControlState, change: Change, now: Int64) {
        self.base = base
        self.change = change
        self.now = now
        self.entities = base.entities
        self.settings = base.settings
    }

    /// Puts `spec` in the place of the entity with its name; the same content makes no revision.
    mutating func save(_ spec: Spec, kind: EntityKind, isSwitchedOff: Bool) {
        let spec = spec.asStored
        let reference = EntityReference(section: kind.section, name: spec.name)
        let old = entities[reference]
        if let old, old.kind == kind, old.isSwitchedOff == isSwitchedOff, old.spec == spec { return }
        entities[reference] = Entity(
            kind: kind,
            spec: spec,
            isSwitchedOff: isSwitchedOff,
            revision: base.changeCount + 1,
            createdTime: old?.createdTime ?? now,
            modifiedTime: now,
            modifiedBy: change.actor
        )
    }

    mutating func remove(_ reference: EntityReference) { entities[reference] = nil }

    mutating func set(_ settings: ProjectSettings) { self.settings = settings }

    mutating func add(environment: String) { environments.append(environment) }

    mutating func save(_ key: SDKKey) { keys.append(key) }

    mutating func save(_ list: IDListUpdate) { idLists.append(list) }

    mutating func remove(idList name: String) { removedIDLists.insert(name) }

    /// Says for the audit log what is done; a draft that changes something has at least one note.
    mutating func note(_ action: String, _ entity: String? = nil, before: JSONValue? = nil, after: JSONValue? = nil) {
        notes.append(Note(action: action, entity: entity, before: before, after: after))
    }

    /// What to write, or nil if all is as it was.
    func update() -> ControlUpdate? {
        var update = ControlUpdate(base: base.changeCount, change: change, time: now)
        update.savedEntities = entities.values.filter { base.entities[$0.reference] != $0 }
            .sorted { $0.reference < $1.reference }
        update.removedEntities = base.entities.values.filter { entities[$0.reference] == nil }
            .sorted { $0.reference < $1.reference }
        if settings != base.settings { update.settings = settings }
        update.addedEnvironments = environments
        update.savedKeys = keys
        update.idLists = idLists
        update.removedIDLists = removedIDLists.sorted()
        let document = Publication.document(
            of: entities,
            settings: settings,
            idLists: Set(base.idLists.keys).subtracting(removedIDLists).union(idLists.map(\.head.name))
        )
        for environment in base.environments + environments {
            let last = base.snapshots[environment]
            let snapshot = Publication.snapshot(of: document, environment: environment, after: last, now: now)
            if let snapshot { update.snapshots.append(snapshot) }
        }
        let isEmpty =
            update.savedEntities.isEmpty && update.removedEntities.isEmpty && update.settings == nil
            && environments.isEmpty && keys.isEmpty && idLists.isEmpty && removedIDLists.isEmpty
            && update.snapshots.isEmpty
        guard !isEmpty else { return nil }
        update.audit = auditRecords()
        return update
    }

    private func auditRecords() -> [AuditRecord] {
        var head = base.auditHead
        return notes.map { note in
            var record = AuditRecord(
                sequence: head.sequence + 1,
                time: now,
                actor: change.actor,
                action: note.action,
                entity: note.entity,
                reason: change.reason,
                before: note.before?.text,
                after: note.after?.text,
                previousHash: head.hash,
                hash: ""
            )
            record.hash = record.expectedHash
            head = AuditHead(sequence: record.sequence, hash: record.hash)
            return record
        }
    }
}

extension Spec {
    /// The spec as it comes back from a store, with what was absent written out: only so do equal specs compare equal.
    fileprivate var asStored: Spec { (try? Spec(json: json)) ?? self }
}
