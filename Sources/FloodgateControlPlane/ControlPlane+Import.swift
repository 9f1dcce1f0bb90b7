// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
import FloodgateJSON
package import FloodgateSpecs

extension ControlPlane {
    /// Takes a config-specs document of either shape as the project's content, in the place of what is there.
    /// - Throws: `.invalid` with the JSON Pointer of the first fault; nothing was changed then.
    @discardableResult
    package func importDocument(_ bytes: [UInt8], by change: Change) async throws(ControlError) -> ImportSummary {
        var limits = JSONLimits.documents
        limits.ignoresTrailingText = false
        limits.refusesDuplicateMembers = true
        let json: JSONValue
        do { json = try JSONValue(parsing: bytes, limits: limits) } catch {
            throw ControlError(.invalid, "The file is not JSON: \(error)", pointer: "", cause: error)
        }
        let document: SpecDocument?
        do { document = try SpecDocument.read(json) } catch { throw ControlError(error) }
        guard let document else {
            let message = "The file says that there is nothing new (has_updates is false); export the whole document"
            throw ControlError(.invalid, message, pointer: "/has_updates")
        }
        let isV1 = json["feature_gates"]?.arrayValue != nil
        return try await importDocument(document, shape: isV1 ? .v1 : .v2, by: change)
    }

    /// Takes a document as the project's content, in the place of what is there.
    /// - Parameters:
    ///   - document: the content.
    ///   - shape: how the document's text was laid out, for the pointers of errors.
    ///   - change: who wants it, and why.
    /// - Returns: what became of the entities.
    /// - Throws: `.invalid` with the JSON Pointer of the first fault; nothing was changed then.
    @discardableResult
    package func importDocument(
        _ document: SpecDocument,
        shape: SpecDocument.Shape = .v2,
        by change: Change
    ) async throws(ControlError) -> ImportSummary {
        try await replaceContent(with: document, shape: shape, idLists: [:], action: "project_import", by: change)
    }

    /// Takes the demo project, a web shop, as the project's content.
    @discardableResult
    package func loadDemo(by change: Change) async throws(ControlError) -> ImportSummary {
        let lists = DemoProject.idLists
        return try await replaceContent(
            with: try DemoProject.document(),
            shape: .v2,
            idLists: lists,
            action: "project_load_demo",
            by: change
        )
    }

    private func replaceContent(
        with document: SpecDocument,
        shape: SpecDocument.Shape,
        idLists: [String: IDList],
        action: String,
        by change: Change
    ) async throws(ControlError) -> ImportSummary {
        let checked = try ImportCheck.check(document, shape: shape)
        var held: [String: IDList] = [:]
        for name in idLists.keys where try await state().idLists[name] != nil {
            held[name] = try await members(ofIDList: name)
        }
        let (answer, didChange) = try await perform(by: change) { draft throws(ControlError) in
            var summary = ImportSummary()
            summary.warnings = checked.warnings
            for (kind, spec) in checked.specs {
                let reference = EntityReference(section: kind.section, name: spec.name)
                draft.save(spec, kind: kind, isSwitchedOff: false)
                summary.counts[kind, default: 0] += 1
                switch draft.base.entities[reference] {
                case nil: summary.added += 1
                case draft.entities[reference]?: summary.unchanged += 1
                default: summary.changed += 1
                }
            }
            let names = Set(checked.specs.map { EntityReference(section: $0.kind.section, name: $0.spec.name) })
            for reference in draft.base.entities.keys where !names.contains(reference) {
                draft.remove(reference)
                summary.removed += 1
            }
            draft.set(ProjectSettings(members: document.others, experimentToLayer: document.experimentToLayer))
            for (name, ids) in idLists.sorted(by: { $0.key < $1.key }) where held[name].map(ids.isSame) != true {
                draft.save(beginning(name, with: ids, in: draft))
            }
            draft.note(action, before: draft.base.entities.counts, after: draft.entities.counts)
            return summary
        }
        var summary = answer
        summary.didChange = didChange
        return summary
    }

}

extension IDList {
    fileprivate func isSame(as other: IDList) -> Bool { count == other.count && lines("+", except: other).isEmpty }
}

extension [EntityReference: Entity] {
    /// How many of each kind, for the audit log.
    fileprivate var counts: JSONValue {
        var counts = JSONObject()
        for kind in EntityKind.allCases {
            let count = values.count { $0.kind == kind }
            if count > 0 { counts[kind.rawValue] = .integer(count) }
        }
        return .object(counts)
    }
}

extension ControlError {
    init(_ error: SpecError) {
        self.init(.invalid, error.message, pointer: error.pointer, cause: error)
    }
}
