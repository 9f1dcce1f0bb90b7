// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateGzip
import FloodgateJSON
import FloodgateTestSupport
import Testing

/// Golden results of Statsig's Rust core, which lie beside the repository.
enum Golden {
    /// The lines of a compressed JSON Lines file; nil (after saying so) if this machine does not have it.
    static func lines(_ name: String) throws -> [JSONValue]? {
        guard let packed = SharedData.bytes("conformance/\(name).jsonl.gz") else { return nil }
        let text = try Gzip.decompress(packed, limit: 256 << 20)
        return try text.split(separator: UInt8(ascii: "\n")).map { try JSONValue(parsing: Array($0)) }
    }

    /// The document that a golden file's head names.
    static func ruleset(_ head: JSONValue) throws -> Ruleset? {
        guard let bytes = SharedData.bytes("data/specs/\(head["specs"]?.stringValue ?? "")") else { return nil }
        let ruleset: Ruleset = try #require(try Ruleset(reading: bytes, receivedAt: 0))
        return ruleset
    }

    /// What surrounds the evaluations of a golden file.
    static func surroundings(_ head: JSONValue, tier: JSONValue?) -> Surroundings {
        let now = head["evaluated_at_ms"]?.integerValue ?? 0
        var surroundings = Surroundings(now: { now })
        if let tier, !tier.isNull { surroundings.environment = ["tier": tier] }
        for list in head["id_lists"]?.objectValue ?? JSONObject() {
            surroundings.idLists[list.name] = IDList(ids: Set(list.value.arrayValue?.compactMap(\.stringValue) ?? []))
        }
        return surroundings
    }
}

/// Counts comparisons and keeps the first few that differ.
struct Tally {
    private(set) var compared = 0
    private(set) var differences: [String] = []
    private(set) var different = 0

    mutating func compare(_ found: JSONValue, _ wanted: JSONValue?, _ place: @autoclosure () -> String) {
        compared += 1
        guard let wanted, !found.isEquivalent(to: wanted) else {
            if wanted == nil { note("\(place()): the golden file has no value") }
            return
        }
        note("\(place()): found \(found.text), wanted \(wanted.text)")
    }

    private mutating func note(_ text: String) {
        different += 1
        if differences.count < 12 { differences.append(text) }
    }
}

extension SecondaryExposure {
    var json: JSONValue { ["gate": .string(gate), "gateValue": value ? "true" : "false", "ruleID": .string(ruleID)] }
}

extension [SecondaryExposure] {
    var json: JSONValue { .array(map(\.json)) }

    var withoutDuplicates: [SecondaryExposure] {
        var seen: Set<SecondaryExposure> = []
        return filter { seen.insert($0).inserted }
    }
}
