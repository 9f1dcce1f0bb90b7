// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What the core's rules ask of a part of a pattern: how long its matches are, and whether a plain engine could find them.
struct Shape: Sendable {
    /// Scalars in the shortest match.
    var minimum = 0
    /// Whether all matches have that length.
    var isConstant = true
    /// Whether it looks around, refers back or is atomic.
    var isHard = false
    /// Whether it asks for the bounds of words.
    var asksForWords = false
}

/// Computes shapes, and refuses the look-behind that the core refuses.
struct ShapeAnalysis {
    /// The groups that something refers to: to these the core must be able to come back.
    let referenced: Set<Int>
    private var groups: [Int: Shape] = [:]
    /// Nodes looked at so far.
    private(set) var visits = 0

    init(referenced: Set<Int>) { self.referenced = referenced }

    mutating func shape(of node: Node) throws(PatternError) -> Shape {
        visits += 1
        switch node {
        case .empty: return Shape()
        case .set: return Shape(minimum: 1)
        case .assertion(let assertion):
            return Shape(isHard: assertion == .searchStart, asksForWords: assertion.asksForWords)
        case .keepOut, .groupTest: return Shape(isHard: true)
        case .sequence(let nodes):
            var result = Shape()
            for node in nodes { result = followed(result, by: try shape(of: node)) }
            return result
        case .alternation(let nodes):
            var shapes: [Shape] = []
            for node in nodes { shapes.append(try shape(of: node)) }
            return either(shapes)
        case .capture(let group, let child):
            var result = try shape(of: child)
            if referenced.contains(group) { result.isHard = true }
            groups[group] = result
            return result
        case .repetition(let child, let minimum, let maximum, _):
            var result = try shape(of: child)
            let (length, overflows) = result.minimum.multipliedReportingOverflow(by: minimum)
            result.minimum = overflows ? Int.max / 4 : min(length, Int.max / 4)
            result.isConstant = result.isConstant && maximum == minimum
            return result
        case .look(let child, let behind, _):
            let inner = behind ? try checkedShape(behind: child) : try shape(of: child)
            return Shape(isHard: true, asksForWords: inner.asksForWords)
        case .atomic(let child):
            var result = try shape(of: child)
            result.isHard = true
            return result
        case .backreference(let group, _):
            let known = groups[group]
            return Shape(minimum: known?.minimum ?? 0, isConstant: known?.isConstant ?? false, isHard: true)
        case .conditional(let condition, let then, let otherwise):
            let first = followed(try shape(of: condition), by: try shape(of: then))
            var result = either([first, try shape(of: otherwise)])
            result.isHard = true
            return result
        }
    }

    /// The alternatives of a look-behind that may each have a length of their own.
    static func alternatives(behind node: Node) -> [Node] {
        if case .alternation(let nodes) = node { nodes } else { [node] }
    }

    /// The shape of what stands in a look-behind; each node is visited once, lest nesting multiply the work.
    private mutating func checkedShape(behind child: Node) throws(PatternError) -> Shape {
        var shapes: [Shape] = []
        for node in Self.alternatives(behind: child) { shapes.append(try shape(of: node)) }
        let whole = either(shapes)
        let isAllowed = whole.isConstant || shapes.allSatisfy { $0.isConstant || (!$0.isHard && !$0.asksForWords) }
        guard isAllowed else {
            throw PatternError(
                code: .unsupported,
                offset: 0,
                message: "look-behind of varying length cannot hold references, look-around or word bounds"
            )
        }
        return whole
    }

    private func followed(_ first: Shape, by second: Shape) -> Shape {
        Shape(
            minimum: min(first.minimum + second.minimum, Int.max / 4),
            isConstant: first.isConstant && second.isConstant,
            isHard: first.isHard || second.isHard,
            asksForWords: first.asksForWords || second.asksForWords
        )
    }

    private func either(_ shapes: [Shape]) -> Shape {
        guard var result = shapes.first else { return Shape() }
        for shape in shapes.dropFirst() {
            result = Shape(
                minimum: min(result.minimum, shape.minimum),
                isConstant: result.isConstant && shape.isConstant && result.minimum == shape.minimum,
                isHard: result.isHard || shape.isHard,
                asksForWords: result.asksForWords || shape.asksForWords
            )
        }
        return result
    }
}
