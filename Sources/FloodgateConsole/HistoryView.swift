// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON

/// Audit records as a list.
struct HistoryView: Sendable {
    let hasRecords: Bool
    let records: [RecordView]

    /// Lists `records`; `namesEntity` says what was changed, as opposed to only how.
    init(_ records: [AuditRecord], namesEntity: Bool, frame: PageFrame) {
        self.records = records.map { RecordView($0, namesEntity: namesEntity, frame: frame) }
        self.hasRecords = !records.isEmpty
    }
}

/// One audit record in words.
struct RecordView: Sendable {
    let recordText: String
    let recordName: String?
    let recordKind: String
    let recordHref: String?
    let recordReason: String?
    let recordActor: String
    let recordTime: TimeText
    let recordRevision: Int64?

    init(_ record: AuditRecord, namesEntity: Bool, frame: PageFrame) {
        let parts = (record.entity ?? "").split(separator: ":", maxSplits: 1).map(String.init)
        let kind = parts.first.flatMap { EntityKind(rawValue: $0) }
        let name = parts.count > 1 ? parts[1] : record.entity
        let text = AuditInWords.text(record)
        self.recordText = namesEntity && name != nil ? text : text.capitalizedFirst
        self.recordKind = kind?.title.lowercased() ?? parts.first ?? ""
        self.recordName = namesEntity ? name : nil
        self.recordHref = kind.flatMap { kind in name.map { frame.base + ConsolePath.page(of: kind, name: $0) } }
        self.recordReason = record.reason.flatMap { $0.isEmpty ? nil : $0 }
        self.recordActor = record.actor
        self.recordTime = TimeText(record.time, now: frame.now)
        self.recordRevision = nil
    }
}

/// What an audit record says was done.
enum AuditInWords {
    static func text(_ record: AuditRecord) -> String {
        if let before = value(record.before), let after = value(record.after) {
            let changes = Self.changes(from: before, to: after)
            if !changes.isEmpty { return changes.joined(separator: ", ") }
        }
        if let words = words[record.action] { return words }
        let verb = record.action.split(separator: "_").last.map(String.init) ?? record.action
        return verbs[verb] ?? record.action.split(separator: "_").joined(separator: " ")
    }

    private static let words = [
        "project_create": "project made", "project_import": "project imported",
        "project_load_demo": "demo project loaded",
    ]

    private static let verbs = [
        "create": "made", "update": "changed", "delete": "removed", "remove": "removed", "enable": "switched on",
        "disable": "switched off", "rollout": "rollout changed", "deactivate": "withdrawn",
    ]

    private static func value(_ text: String?) -> JSONValue? {
        guard let text else { return nil }
        return try? JSONValue(parsing: Array(text.utf8))
    }

    /// What is different between two states of an entity, each difference in a few words.
    private static func changes(from before: JSONValue, to after: JSONValue) -> [String] {
        var changes: [String] = []
        if let old = isOn(before), let new = isOn(after), old != new {
            changes.append(new ? "switched on" : "switched off")
        }
        let oldRules = before["spec"]?["rules"]?.arrayValue ?? []
        for rule in after["spec"]?["rules"]?.arrayValue ?? [] {
            guard let id = rule["id"], let old = oldRules.first(where: { $0["id"] == id }) else { continue }
            guard case .number(let new) = rule["passPercentage"], case .number(let was) = old["passPercentage"] else {
                continue
            }
            guard new.doubleValue != was.doubleValue else { continue }
            let name = rule["name"]?.stringValue ?? ""
            let which = oldRules.count > 1 && !name.isEmpty ? " of “\(name)”" : ""
            changes.append("rollout\(which) from \(ValueInWords.percent(was)) to \(ValueInWords.percent(new))")
        }
        return changes
    }

    private static func isOn(_ state: JSONValue) -> Bool? {
        guard let isEnabled = state["spec"]?["enabled"]?.boolValue else { return nil }
        return isEnabled && state["switched_off"]?.boolValue != true
    }
}

extension String {
    /// With a capital at the beginning.
    var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
