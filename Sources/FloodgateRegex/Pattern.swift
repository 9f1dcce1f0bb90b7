// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// A compiled regular expression in the core's syntax; immutable, shared by any number of threads.
///
/// `matches` takes time proportional to the text whatever the pattern, by running through all possibilities at once:
/// small patterns as a table of states, others instruction by instruction, look-around and atomic groups by tables over
/// the text. Only patterns that refer to groups, as `\1` or `(?(1)…)`, are tried one way at a time, within a budget of
/// steps that is itself proportional to the text and bounded (`PatternLimits`).
///
/// Known differences from the core (fancy-regex 0.17): programs are smaller here (`PatternLimits.instructions`), a class
/// with an unescaped `[` at the end of a range is refused, and patterns that make the core give up, such as a repeated
/// condition that consumes nothing, are answered.
public struct Pattern: Sendable {
    private let program: Program
    private let machine: StateMachine?
    private let limits: PatternLimits

    /// Compiles a pattern.
    /// - Throws: `PatternError` if the core would refuse the pattern too, or if it exceeds the limits.
    public init(_ pattern: String, limits: PatternLimits = .init()) throws(PatternError) {
        guard pattern.utf8.count <= limits.patternBytes else {
            throw PatternError(
                code: .tooLarge,
                offset: limits.patternBytes,
                message: "a pattern may have \(limits.patternBytes) bytes"
            )
        }
        var parser = PatternParser(pattern)
        let node = try parser.parse()
        let referenced = Set(parser.references.map(\.group))
        let facts = PatternFacts(node, referenced: referenced)
        var analysis = ShapeAnalysis(referenced: referenced)
        _ = try analysis.shape(of: node)
        if !facts.isHard, CoreSize.estimate(node) > limits.coreProgramBytes {
            throw PatternError(
                code: .tooLarge,
                offset: 0,
                message: "the core refuses patterns of this size; repeat fewer times"
            )
        }
        var compiler = ProgramCompiler(limits: limits, facts: facts, referenced: referenced, analysis: analysis)
        var program = try compiler.program(for: node)
        if facts.refersBack { program.orbits = CaseOrbits() }
        self.program = program
        self.limits = limits
        machine = StateMachine(program)
    }

    /// Whether the pattern is found anywhere in the text.
    public func matches(_ text: String) -> Bool {
        var text = text
        return text.withUTF8 { matches($0) }
    }

    /// Whether the pattern is found anywhere in the text; bytes that are not UTF-8 match as some text or other.
    public func matches(_ utf8: UnsafeBufferPointer<UInt8>) -> Bool {
        search(utf8).isFound
    }

    /// The answer and how many instructions it took: the measure that tests bound.
    package func steps(matching text: String) -> (isFound: Bool, steps: Int) {
        var text = text
        return text.withUTF8 { search($0) }
    }

    private func search(_ utf8: UnsafeBufferPointer<UInt8>) -> (isFound: Bool, steps: Int) {
        if let machine {
            var steps = 0
            let isFound = machine.matches(utf8, steps: &steps)
            return (isFound, steps)
        }
        let subject = Subject(utf8, alphabet: program.alphabet, keepsScalars: program.isBacktracking)
        guard tableBytes(subject) <= limits.tableBytes else { return (false, 0) }
        var (tables, steps) = tables(over: subject)
        if program.isBacktracking {
            var search = BacktrackingSearch(program: program, subject: subject, tables: tables, limits: limits)
            let isFound = search.finds()
            steps += search.steps
            return (isFound, steps)
        }
        if program.hasAtomicBlocks {
            var search = BackwardSearch(
                program: program,
                code: program.code,
                subject: subject,
                tables: tables,
                findsEnds: false
            )
            let isFound = search.finds()
            steps += search.steps
            return (isFound, steps)
        }
        var search = ForwardSearch(program: program, code: program.code, subject: subject, tables: tables)
        let isFound = search.finds()
        steps += search.steps
        return (isFound, steps)
    }

    /// Runs the blocks, inner ones first.
    private func tables(over subject: Subject) -> (Tables, steps: Int) {
        var tables = Tables()
        var steps = 0
        for block in program.blocks {
            if block.purpose == .lookBehind {
                var search = ForwardSearch(program: program, code: block.code, subject: subject, tables: tables)
                tables.append(search.ends())
                steps += search.steps
                continue
            }
            var search = BackwardSearch(
                program: program,
                code: block.code,
                subject: subject,
                tables: tables,
                findsEnds: block.purpose == .atomic
            )
            var column = search.results()
            steps += search.steps
            if case .lookBack(let length) = block.purpose {
                let shift = min(length, column.count)
                column = [Int32](repeating: -1, count: shift) + column.dropLast(shift)
            }
            tables.append(column)
        }
        return (tables, steps)
    }

    private func tableBytes(_ subject: Subject) -> Int {
        var bytes = BackwardSearch.bytes(program.code, count: subject.count)
        for block in program.blocks {
            bytes += 4 * (subject.count + 1) + BackwardSearch.bytes(block.code, count: subject.count)
        }
        return bytes
    }
}
