// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FloodgateSpecs

/// Decides whether a document may become a project's content, and takes it apart into entities.
struct ImportCheck {
    struct Result {
        var specs: [(kind: EntityKind, spec: Spec)] = []
        var warnings: [String] = []
    }

    private let document: SpecDocument
    private let shape: SpecDocument.Shape
    private var names: [EntitySection: Set<String>] = [:]
    private var result = Result()

    private init(_ document: SpecDocument, shape: SpecDocument.Shape) {
        self.document = document
        self.shape = shape
        for section in EntitySection.allCases {
            names[section] = Set(document[keyPath: section.path].map(\.name))
        }
    }

    /// The entities of `document`, self-contained.
    /// - Throws: `.invalid` with the pointer of the first fault: whatever an SDK would drop or could not evaluate.
    static func check(_ document: SpecDocument, shape: SpecDocument.Shape) throws(ControlError) -> Result {
        if let dropped = document.dropped.first { throw ControlError(dropped) }
        var check = ImportCheck(document, shape: shape)
        for section in EntitySection.allCases { try check.readSpecs(of: section) }
        try check.refuseCycles(in: .gates) { rule, document in rule.nestedGates(in: document) }
        try check.refuseCycles(in: .configs) { rule, _ in rule.configDelegate.map { [(nil, $0)] } ?? [] }
        return check.result
    }

    private func pointer(_ section: EntitySection, _ index: Int, _ spec: Spec) -> JSONPointer {
        let pointer = JSONPointer().appending(section.rawValue)
        return shape == .v1 ? pointer.appending(index) : pointer.appending(spec.name)
    }

    private mutating func readSpecs(of section: EntitySection) throws(ControlError) {
        var seen: Set<String> = []
        for (index, spec) in document[keyPath: section.path].enumerated() {
            let pointer = pointer(section, index, spec)
            guard seen.insert(spec.name).inserted else {
                throw fault(pointer, "The name \"\(spec.name)\" occurs twice in \(section.rawValue)")
            }
            guard !spec.name.isEmpty else { throw fault(pointer, "The name is empty; SDKs could not ask for it") }
            guard !spec.name.contains("\0") else {
                throw fault(pointer, "The name holds a NUL character; leave it out")
            }
            guard let kind = EntityKind(entity: spec.entity), kind.section == section else {
                let allowed = EntityKind.allCases.filter { $0.section == section }.map(\.entity)
                let message =
                    "\"\(spec.entity)\" is no entity of \(section.rawValue); write \(allowed.joined(separator: ", "))"
                throw fault(pointer.appending("entity"), message)
            }
            for (index, rule) in spec.rules.enumerated() {
                try read(rule, pointer.appending("rules").appending(index))
            }
            let whole = document.selfContained(spec)
            if let excess = PublicationLimits.excess(of: whole) {
                throw fault(excess.member.isEmpty ? pointer : pointer.appending(excess.member), excess.message)
            }
            result.specs.append((kind, whole))
        }
    }

    private mutating func read(_ rule: Rule, _ pointer: JSONPointer) throws(ControlError) {
        for (index, reference) in rule.conditions.enumerated() {
            let pointer = pointer.appending("conditions").appending(index)
            guard let condition = document.condition(reference) else {
                throw fault(pointer, "There is no such condition in condition_map")
            }
            try read(condition, pointer)
        }
        if let delegate = rule.configDelegate, names[.configs]?.contains(delegate) != true {
            warn(
                pointer.appending("configDelegate"),
                "There is no experiment \"\(delegate)\"; the rule decides by itself"
            )
        }
    }

    private mutating func read(_ condition: Condition, _ pointer: JSONPointer) throws(ControlError) {
        switch condition.type {
        case "public": return
        case "pass_gate", "fail_gate":
            let name = condition.targetValue?.stringValue ?? ""
            if names[.gates]?.contains(name) != true {
                warn(pointer, "There is no gate \"\(name)\"; it counts as failed")
            }
        case "multi_pass_gate", "multi_fail_gate":
            throw fault(
                pointer,
                "\"\(condition.type)\" works in no current SDK; write a pass_gate or fail_gate condition for each gate"
            )
        case let type where Vocabulary.comparingTypes.contains(type):
            guard let name = condition.operator else {
                throw fault(pointer, "A condition of type \"\(type)\" needs an operator")
            }
            guard Vocabulary.operators.contains(name) else {
                let near =
                    NearestNames.of(name, among: Vocabulary.operators).first.map { "; did you mean \"\($0)\"?" } ?? ""
                throw fault(pointer, "The operator \"\(name)\" works in no SDK\(near)")
            }
        case let type:
            let near = NearestNames.of(type, among: Vocabulary.types).first.map { "; did you mean \"\($0)\"?" } ?? ""
            throw fault(pointer, "The condition type \"\(type)\" works in no SDK\(near)")
        }
    }

    private func refuseCycles(
        in section: EntitySection,
        _ needs: (Rule, SpecDocument) -> [(condition: Int?, name: String)]
    ) throws(ControlError) {
        let specs = document[keyPath: section.path]
        let positions = Dictionary(specs.enumerated().map { ($1.name, $0) }) { first, _ in first }
        var edges: [[(target: Int, pointer: JSONPointer)]] = []
        for (index, spec) in specs.enumerated() {
            var list: [(target: Int, pointer: JSONPointer)] = []
            for (position, rule) in spec.rules.enumerated() {
                let place = pointer(section, index, spec).appending("rules").appending(position)
                for need in needs(rule, document) {
                    guard let target = positions[need.name] else { continue }
                    let end = need.condition.map { place.appending("conditions").appending($0) }
                    list.append((target, end ?? place.appending("configDelegate")))
                }
            }
            edges.append(list)
        }
        // Depth first without recursion: a hostile chain may be as long as the document.
        var isDone = [Bool](repeating: false, count: specs.count)
        var isOnPath = isDone
        for start in specs.indices where !isDone[start] {
            var path = [(node: start, next: 0)]
            isOnPath[start] = true
            while let (node, next) = path.last {
                guard next < edges[node].count else {
                    isOnPath[node] = false
                    isDone[node] = true
                    path.removeLast()
                    continue
                }
                path[path.count - 1].next += 1
                let edge = edges[node][next]
                if isOnPath[edge.target] {
                    let circle =
                        path.drop { $0.node != edge.target }.map { specs[$0.node].name } + [specs[edge.target].name]
                    throw fault(edge.pointer, "This goes round in a circle: \(circle.joined(separator: " → "))")
                }
                guard !isDone[edge.target] else { continue }
                isOnPath[edge.target] = true
                path.append((edge.target, 0))
            }
        }
    }

    private mutating func warn(_ pointer: JSONPointer, _ message: String) {
        result.warnings.append("\(pointer.text): \(message)")
    }

    private func fault(_ pointer: JSONPointer, _ message: String) -> ControlError {
        ControlError(.invalid, message, pointer: pointer.text)
    }
}

extension Rule {
    fileprivate func nestedGates(in document: SpecDocument) -> [(condition: Int?, name: String)] {
        conditions.enumerated().compactMap { index, reference in
            guard let condition = document.condition(reference),
                condition.type == "pass_gate" || condition.type == "fail_gate",
                let name = condition.targetValue?.stringValue
            else { return nil }
            return (index, name)
        }
    }
}

/// The condition types and operators that evaluators know.
enum Vocabulary {
    /// Types that need an operator.
    static let comparingTypes: Set<String> = [
        "user_field", "ip_based", "ua_based", "environment_field", "current_time", "user_bucket", "unit_id",
        "target_app",
        "experiment_group",
    ]

    static let types = comparingTypes.union(["public", "pass_gate", "fail_gate"])

    static let operators: Set<String> = [
        "gt", "gte", "lt", "lte", "version_gt", "version_gte", "version_lt", "version_lte", "version_eq", "version_neq",
        "any", "none", "any_case_sensitive", "none_case_sensitive", "str_starts_with_any", "str_ends_with_any",
        "str_contains_any", "str_contains_none", "str_matches", "before", "after", "on", "eq", "neq", "in_segment_list",
        "not_in_segment_list", "array_contains_any", "array_contains_none", "array_contains_all",
        "not_array_contains_all",
    ]
}
