// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

extension ProgramCompiler {
    mutating func emitLook(_ child: Node, behind: Bool, negated: Bool) throws(PatternError) {
        guard behind else {
            guard isBacktracking, PatternFacts(child, referenced: referenced).touchesGroups else {
                return try append(.look(try block(.lookAhead, child), negated: negated))
            }
            return try emitInline(child, stepBack: 0, negated: negated)
        }
        let shape = try analysis.shape(of: child)
        let alternatives = shape.isConstant ? [child] : ShapeAnalysis.alternatives(behind: child)
        if negated {
            for node in alternatives { try emitBehind(node, negated: true) }
            return
        }
        var exits: [Int] = []
        for (index, node) in alternatives.enumerated() {
            guard index < alternatives.count - 1 else {
                try emitBehind(node, negated: false)
                break
            }
            let split = try placeholder()
            try emitBehind(node, negated: false)
            exits.append(try placeholder())
            code[split] = .split(split + 1, code.count)
        }
        for exit in exits { code[exit] = .jump(code.count) }
    }

    private mutating func emitBehind(_ node: Node, negated: Bool) throws(PatternError) {
        let shape = try analysis.shape(of: node)
        let facts = PatternFacts(node, referenced: referenced)
        if isBacktracking, facts.touchesGroups {
            return try emitInline(node, stepBack: shape.minimum, negated: negated)
        }
        let purpose: Block.Purpose = shape.isConstant && facts.isAtomic ? .lookBack(shape.minimum) : .lookBehind
        try append(.look(try block(purpose, node), negated: negated))
    }

    /// Look-around for the searcher that goes back, where groups are set or asked for inside.
    private mutating func emitInline(_ child: Node, stepBack: Int, negated: Bool) throws(PatternError) {
        let mark = newRegister()
        let start = newRegister()
        try append(.mark(mark))
        try append(.save(start))
        let split = negated ? try placeholder() : nil
        if stepBack > 0 { try append(.stepBack(stepBack)) }
        try emitNested(child)
        if let split {
            try append(.abandon(mark))
            code[split] = .split(split + 1, code.count)
        } else {
            try append(.commit(mark))
            try append(.rewind(start))
        }
    }

    mutating func emitAtomic(_ child: Node) throws(PatternError) {
        guard isBacktracking else { return try append(.atomic(try block(.atomic, child))) }
        let mark = newRegister()
        try append(.mark(mark))
        try emitNested(child)
        try append(.commit(mark))
    }

    mutating func emitConditional(_ condition: Node, then: Node, otherwise: Node) throws(PatternError) {
        if case .groupTest(let group) = condition {
            let test = try placeholder()
            try emitNested(then)
            let exit = try placeholder()
            code[test] = .groupTest(register(of: group) ?? 0, otherwise: code.count)
            try emitNested(otherwise)
            code[exit] = .jump(code.count)
            return
        }
        guard isBacktracking else {
            let index = try block(.atomic, condition)
            let test = try placeholder()
            try emitNested(then)
            let exit = try placeholder()
            code[test] = .conditional(index, then: test + 1, otherwise: code.count)
            try emitNested(otherwise)
            code[exit] = .jump(code.count)
            return
        }
        let mark = newRegister()
        try append(.mark(mark))
        let split = try placeholder()
        try emitNested(condition)
        try append(.commit(mark))
        try emitNested(then)
        let exit = try placeholder()
        code[split] = .split(split + 1, code.count)
        try emitNested(otherwise)
        code[exit] = .jump(code.count)
    }
}
