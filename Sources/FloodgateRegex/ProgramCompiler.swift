// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Writes a tree out as a program, within the limits.
struct ProgramCompiler {
    let limits: PatternLimits
    /// Whether the program will go back to earlier choices.
    private(set) var isBacktracking: Bool
    let referenced: Set<Int>
    var analysis: ShapeAnalysis

    var code: [Instruction] = []
    var blocks: [Block] = []
    private var blockIndices: [Block: Int] = [:]
    private var blockInstructions = 0
    private var visits = 0
    private let visitLimit: Int
    private var sets: [ScalarSet] = []
    private var setIndices: [ScalarSet: Int] = [:]
    private var asksForWords = false
    private var asksForLines = false
    private var registerCount: Int
    private let groupRegisters: [Int: Int]

    /// Creates a compiler; `analysis` must have seen the whole pattern.
    init(limits: PatternLimits, facts: PatternFacts, referenced: Set<Int>, analysis: ShapeAnalysis) {
        self.limits = limits
        self.referenced = referenced
        self.analysis = analysis
        visitLimit = analysis.visits + 64 * limits.instructions
        isBacktracking = facts.refersBack
        // Two registers for each group that is referred to: where it starts and where it ends.
        var registers: [Int: Int] = [:]
        for group in referenced.sorted() { registers[group] = registers.count * 2 }
        groupRegisters = registers
        registerCount = registers.count * 2
    }

    /// The program for the whole pattern.
    mutating func program(for node: Node) throws(PatternError) -> Program {
        try emit(node)
        try append(.accept)
        let words = asksForWords ? UnicodeTables.set("w".utf8, in: UnicodeTables.perl) : nil
        guard let alphabet = Alphabet(sets: sets, words: words, lineFeeds: asksForLines) else { throw tooLarge() }
        var program = Program()
        program.blocks = blocks
        program.code = code
        program.alphabet = alphabet
        program.isBacktracking = isBacktracking
        program.hasAtomicBlocks = blocks.contains { $0.purpose == .atomic }
        program.registerCount = registerCount
        return program
    }

    // MARK: Nodes

    private mutating func emit(_ node: Node) throws(PatternError) {
        // What writes nothing must not be repeated without end either.
        visits += 1
        guard visits + analysis.visits < visitLimit else { throw tooLarge() }
        switch node {
        case .empty, .keepOut: break
        case .set(let set): try append(.consume(try index(of: set)))
        case .assertion(let assertion):
            if assertion.asksForWords { asksForWords = true }
            if assertion == .lineStart || assertion == .lineEnd { asksForLines = true }
            try append(.assert(assertion))
        case .sequence(let nodes):
            for node in nodes { try emit(node) }
        case .alternation(let nodes): try emitAlternation(nodes)
        case .capture(let group, let child):
            guard isBacktracking, let register = groupRegisters[group] else { return try emit(child) }
            try append(.save(register))
            try emit(child)
            try append(.save(register + 1))
        case .repetition(let child, let minimum, let maximum, let prefersMore):
            try emitRepetition(child, minimum, maximum, prefersMore)
        case .look(let child, let behind, let negated): try emitLook(child, behind: behind, negated: negated)
        case .atomic(let child): try emitAtomic(child)
        case .backreference(let group, let ignoresCase):
            guard let register = groupRegisters[group] else { return }
            try append(.backreference(register, ignoresCase: ignoresCase))
        case .groupTest(let group):
            guard let register = groupRegisters[group] else { return }
            try append(.groupTest(register, otherwise: -1))
        case .conditional(let condition, let then, let otherwise):
            try emitConditional(condition, then: then, otherwise: otherwise)
        }
    }

    private mutating func emitAlternation(_ nodes: [Node]) throws(PatternError) {
        var exits: [Int] = []
        for (index, node) in nodes.enumerated() {
            guard index < nodes.count - 1 else {
                try emit(node)
                break
            }
            let split = try placeholder()
            try emit(node)
            exits.append(try placeholder())
            code[split] = .split(split + 1, code.count)
        }
        for exit in exits { code[exit] = .jump(code.count) }
    }

    private mutating func emitRepetition(
        _ child: Node,
        _ minimum: Int,
        _ maximum: Int?,
        _ prefersMore: Bool
    ) throws(PatternError) {
        if maximum == 0 { return }
        let guardsProgress = isBacktracking ? try isNullable(child) : false
        let register = guardsProgress ? newRegister() : 0
        var done = 0
        while done < minimum {
            let before = code.count
            try emit(child)
            done += 1
            // What writes nothing, however often, is written once.
            if code.count == before { return }
        }
        guard let maximum else {
            let split = try placeholder()
            if guardsProgress { try append(.save(register)) }
            try emit(child)
            let skip = guardsProgress ? try placeholder() : nil
            try append(.jump(split))
            if let skip { code[skip] = .skipIfStill(register, code.count) }
            code[split] = choice(split + 1, code.count, prefersFirst: prefersMore)
            return
        }
        var splits: [Int] = []
        var skips: [Int] = []
        while done < maximum {
            splits.append(try placeholder())
            let before = code.count
            if guardsProgress { try append(.save(register)) }
            try emit(child)
            if guardsProgress { skips.append(try placeholder()) }
            done += 1
            if code.count == before { break }
        }
        for split in splits { code[split] = choice(split + 1, code.count, prefersFirst: prefersMore) }
        for skip in skips { code[skip] = .skipIfStill(register, code.count) }
    }

    private mutating func isNullable(_ node: Node) throws(PatternError) -> Bool {
        try analysis.shape(of: node).minimum == 0
    }

    private func choice(_ first: Int, _ second: Int, prefersFirst: Bool) -> Instruction {
        prefersFirst ? .split(first, second) : .split(second, first)
    }

    // MARK: Blocks

    /// Compiles a node into a block of its own and answers its index.
    mutating func block(_ purpose: Block.Purpose, _ node: Node) throws(PatternError) -> Int {
        let outer = (code, isBacktracking)
        code = []
        isBacktracking = false
        blockInstructions += outer.0.count
        try emit(node)
        try append(.accept)
        let block = Block(purpose: purpose, code: code)
        // Writing a block again counts again, or a small pattern could make much work.
        blockInstructions += code.count - outer.0.count
        (code, isBacktracking) = outer
        if let known = blockIndices[block] { return known }
        blocks.append(block)
        blockIndices[block] = blocks.count - 1
        return blocks.count - 1
    }

    // MARK: Writing

    mutating func append(_ instruction: Instruction) throws(PatternError) {
        guard code.count + blockInstructions < limits.instructions else { throw tooLarge() }
        code.append(instruction)
    }

    /// Leaves room for an instruction that is known later.
    mutating func placeholder() throws(PatternError) -> Int {
        try append(.accept)
        return code.count - 1
    }

    mutating func newRegister() -> Int {
        registerCount += 1
        return registerCount - 1
    }

    mutating func emitNested(_ node: Node) throws(PatternError) { try emit(node) }

    func register(of group: Int) -> Int? { groupRegisters[group] }

    private mutating func index(of set: ScalarSet) throws(PatternError) -> Int {
        if let known = setIndices[set] { return known }
        guard sets.count < limits.distinctSets else { throw tooLarge() }
        sets.append(set)
        setIndices[set] = sets.count - 1
        return sets.count - 1
    }

    func tooLarge() -> PatternError {
        PatternError(
            code: .tooLarge,
            offset: 0,
            message: "the pattern is too large once repetitions are written out"
        )
    }
}
