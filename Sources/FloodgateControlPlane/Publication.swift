// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
import FloodgateJSON
import FloodgateSpecs

/// Turns the state of a project into the document that SDKs download.
enum Publication {
    /// The document of `entities` and `settings`, without time and checksum.
    static func document(
        of entities: [EntityReference: Entity],
        settings: ProjectSettings,
        idLists: some Sequence<String>
    ) -> SpecDocument {
        var document = SpecDocument(time: 0)
        var listNames = Set(idLists)
        for entity in entities.values.sorted(by: { $0.reference < $1.reference }) {
            let spec = entity.published
            listNames.formUnion(spec.idListNames)
            document[keyPath: entity.kind.section.path].append(document.interned(spec))
        }
        document.experimentToLayer = settings.experimentToLayer
        // Real documents always hold these; readers differ in what they make of a missing one.
        document.others = ["response_format": "dcs-v2", "company_id": "floodgate"]
        document.others["param_stores"] = .object(JSONObject())
        document.others["sdk_configs"] = .object(JSONObject())
        document.others["diagnostics"] = .object(JSONObject())
        for member in settings.members where member.name != "response_format" {
            document.others[member.name] = member.value
        }
        var lists = settings.members["id_lists"]?.objectValue ?? JSONObject()
        for name in listNames.sorted() { lists[name] = true }
        document.others["id_lists"] = .object(lists)
        return document
    }

    /// The publication of `document` after `last`, or nil if that said the same.
    static func snapshot(of document: SpecDocument, environment: String, after last: SnapshotHead?, now: Int64)
        -> StoredSnapshot?
    {
        let hash = Hexadecimal.text(of: SHA256.digest(of: document.bytes(.v2)))
        guard hash != last?.contentHash else { return nil }
        let head = SnapshotHead(
            sequence: (last?.sequence ?? 0) + 1,
            // Rises even if the clock steps back, or SDKs would ignore the change.
            time: max(now, (last?.time ?? 0) + 1),
            contentHash: hash
        )
        var document = document
        document.time = UInt64(max(head.time, 0))
        document.checksum = checksum(of: document)
        return StoredSnapshot(environment: environment, head: head, content: document.bytes(.v2))
    }

    /// Decimal digits that change whenever content or time do.
    private static func checksum(of document: SpecDocument) -> String {
        let digest = SHA256.digest(of: document.bytes(.v2))
        return String(digest.prefix(8).reduce(0 as UInt64) { $0 << 8 | UInt64($1) })
    }
}

extension Spec {
    /// The ID lists that the spec's conditions look at.
    var idListNames: [String] {
        rules.lazy.flatMap(\.conditions).compactMap { reference in
            guard case .inline(let condition) = reference,
                condition.operator == "in_segment_list" || condition.operator == "not_in_segment_list"
            else { return nil }
            return condition.targetValue?.stringValue
        }
    }
}

enum Hexadecimal {
    static func text(of bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
