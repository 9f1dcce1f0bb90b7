// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FloodgateSnapshots
import FloodgateSpecs

/// Refuses what could not be published while somebody is there who can do something about it (SNAP-5).
enum PublicationLimits {
    /// Why a spec with its conditions in place cannot be published; nil if it can.
    /// - Returns: The part of the spec that is too much, and what to say of it.
    static func excess(of spec: Spec) -> (member: String, message: String)? {
        let rules = spec.rules.count
        if rules > SnapshotLimits.publishedRules {
            return (
                "rules", "\"\(spec.name)\" has \(rules) rules; at most \(SnapshotLimits.publishedRules) are published"
            )
        }
        let conditions = spec.rules.reduce(0) { $0 + $1.conditions.count }
        if conditions > SnapshotLimits.publishedConditions {
            let limit = SnapshotLimits.publishedConditions
            return ("rules", "\"\(spec.name)\" has \(conditions) conditions; at most \(limit) are published")
        }
        let entries = spec.rules.lazy.flatMap(\.conditions).map(entryCount).max() ?? 0
        if entries > SnapshotLimits.publishedListEntries {
            let limit = SnapshotLimits.publishedListEntries
            let message =
                "\"\(spec.name)\" has a list of \(entries) values; at most \(limit) are published, so use an ID list"
            return ("rules", message)
        }
        let depth = spec.json.depth
        if depth > SnapshotLimits.publishedNesting {
            let limit = SnapshotLimits.publishedNesting
            return ("", "\"\(spec.name)\" is nested \(depth) levels deep; at most \(limit) are published")
        }
        return nil
    }

    /// Refuses a change that makes something too large; what was too large before may be made smaller step by step.
    static func check(_ update: ControlUpdate, _ draft: Draft) throws(ControlError) {
        let (before, after) = (draft.base.entities.count, draft.entities.count)
        if after > SnapshotLimits.publishedEntities, after > before {
            throw ControlError(
                .invalid,
                "The project would have \(after) gates, configs, experiments and layers; at most "
                    + "\(SnapshotLimits.publishedEntities) are published"
            )
        }
        for entity in update.savedEntities {
            guard let excess = excess(of: entity.spec) else { continue }
            if let old = draft.base.entities[entity.reference], Self.excess(of: old.spec) != nil { continue }
            let pointer = JSONPointer().appending(entity.kind.section.rawValue).appending(entity.name)
            let place = excess.member.isEmpty ? pointer : pointer.appending(excess.member)
            throw ControlError(.invalid, excess.message, pointer: place.text)
        }
        let size = update.snapshots.map(\.content.count).max() ?? 0
        let saved = update.savedEntities.reduce(0) { $0 + $1.spec.json.bytes.count }
        let replaced = update.savedEntities.reduce(0) { sum, entity in
            sum + (draft.base.entities[entity.reference]?.spec.json.bytes.count ?? 0)
        }
        // A gate of a document that is too large already can still be switched off, which takes a byte more.
        let isLarger = saved > replaced + 64 * update.savedEntities.count
        if size > SnapshotLimits.publishedPayloadBytes, isLarger || update.settings != nil {
            throw ControlError(
                .invalid,
                "The document would have \(size) bytes; at most \(SnapshotLimits.publishedPayloadBytes) are published"
            )
        }
    }

    private static func entryCount(_ reference: ConditionReference) -> Int {
        guard case .inline(let condition) = reference else { return 0 }
        return condition.targetValue?.arrayValue?.count ?? 0
    }
}

extension JSONValue {
    /// How many arrays and objects stand in each other at most.
    fileprivate var depth: Int {
        var deepest = 0
        var rest: [(value: JSONValue, depth: Int)] = [(self, 0)]
        while let (value, depth) = rest.popLast() {
            deepest = max(deepest, depth)
            if let array = value.arrayValue { rest += array.map { ($0, depth + 1) } }
            if let object = value.objectValue { rest += object.map { ($0.value, depth + 1) } }
        }
        return deepest
    }
}
