// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What decides how a pattern, or a part of one, is searched for.
struct PatternFacts: Sendable {
    /// Whether it asks for what a group matched.
    private(set) var refersBack = false
    /// Whether it has a group that is asked for.
    private(set) var capturesReferenced = false
    /// Whether it has atomic groups, possessive quantifiers or conditions.
    private(set) var isAtomic = false
    /// Whether the core needs more than its plain engine.
    private(set) var isHard = false

    /// Whether groups must be kept track of inside.
    var touchesGroups: Bool { refersBack || capturesReferenced }

    init(_ node: Node, referenced: Set<Int>) { visit(node, referenced) }

    private mutating func visit(_ node: Node, _ referenced: Set<Int>) {
        switch node {
        case .empty, .set: break
        case .assertion(let assertion): if assertion == .searchStart { isHard = true }
        case .keepOut: isHard = true
        case .sequence(let nodes), .alternation(let nodes):
            for node in nodes { visit(node, referenced) }
        case .capture(let group, let child):
            if referenced.contains(group) { capturesReferenced = true }
            visit(child, referenced)
        case .repetition(let child, _, _, _): visit(child, referenced)
        case .look(let child, _, _):
            isHard = true
            visit(child, referenced)
        case .atomic(let child):
            isHard = true
            isAtomic = true
            visit(child, referenced)
        case .backreference, .groupTest:
            isHard = true
            refersBack = true
        case .conditional(let condition, let then, let otherwise):
            isHard = true
            isAtomic = true
            visit(condition, referenced)
            visit(then, referenced)
            visit(otherwise, referenced)
        }
    }
}
