// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Tries one way at a time and goes back to earlier choices, as references to groups require.
///
/// Such a search cannot be linear in general, so it has a budget of steps; when that is spent, there is no match. The
/// core gives up likewise after a million choices.
struct BacktrackingSearch {
    let program: Program
    let subject: Subject
    let tables: Tables
    let budget: Int
    /// Instructions executed.
    private(set) var steps = 0

    private enum Choice {
        case goOn(place: Int, position: Int)
        case restore(register: Int, value: Int)
    }

    private var choices: [Choice] = []
    private var registers: [Int]

    init(program: Program, subject: Subject, tables: Tables, limits: PatternLimits) {
        self.program = program
        self.subject = subject
        self.tables = tables
        let (product, overflows) = limits.stepsPerScalar.multipliedReportingOverflow(by: subject.count)
        let (sum, stillOverflows) = product.addingReportingOverflow(limits.baseSteps)
        budget = overflows || stillOverflows ? limits.maximumSteps : min(sum, limits.maximumSteps)
        registers = [Int](repeating: -1, count: program.registerCount)
    }

    /// Whether a match starts anywhere, as far as the budget goes.
    mutating func finds() -> Bool {
        for start in 0...subject.count {
            for register in registers.indices { registers[register] = -1 }
            choices.removeAll(keepingCapacity: true)
            if matches(from: start) { return true }
            if steps > budget { return false }
        }
        return false
    }

    private mutating func matches(from start: Int) -> Bool {
        var place = 0
        var position = start
        while true {
            steps += 1
            if steps > budget { return false }
            var fails = false
            switch program.code[place] {
            case .consume(let set):
                if position < subject.count, program.alphabet.contains(subject.symbols[position], set: set) {
                    position += 1
                    place += 1
                } else {
                    fails = true
                }
            case .split(let first, let second):
                choices.append(.goOn(place: second, position: position))
                place = first
            case .jump(let target): place = target
            case .assert(let assertion):
                fails = !subject.holds(assertion, at: position)
                place += 1
            case .look(let block, let negated):
                fails = (tables[block, position] >= 0) == negated
                place += 1
            case .save(let register):
                store(position, in: register)
                place += 1
            case .backreference(let register, let ignoresCase):
                if let end = endOfRepetition(of: register, at: position, ignoresCase: ignoresCase) {
                    position = end
                    place += 1
                } else {
                    fails = true
                }
            case .groupTest(let register, let otherwise):
                if registers[register] >= 0 { place += 1 } else { place = otherwise }
                fails = place < 0
            case .skipIfStill(let register, let target):
                place = registers[register] == position ? target : place + 1
            case .mark(let register):
                store(choices.count, in: register)
                // What `store` noted belongs before the mark.
                registers[register] = choices.count
                place += 1
            case .commit(let register):
                forgetChoices(since: registers[register])
                place += 1
            case .abandon(let register):
                undo(to: registers[register])
                fails = true
            case .rewind(let register):
                position = registers[register]
                place += 1
            case .stepBack(let count):
                fails = count > position
                position -= fails ? 0 : count
                place += 1
            case .accept: return true
            case .atomic, .conditional: return false
            }
            guard fails else { continue }
            guard let (earlierPlace, earlierPosition) = goBack() else { return false }
            (place, position) = (earlierPlace, earlierPosition)
        }
    }

    private mutating func store(_ value: Int, in register: Int) {
        if !choices.isEmpty { choices.append(.restore(register: register, value: registers[register])) }
        registers[register] = value
    }

    private mutating func goBack() -> (Int, Int)? {
        while let choice = choices.popLast() {
            switch choice {
            case .goOn(let place, let position): return (place, position)
            case .restore(let register, let value): registers[register] = value
            }
        }
        return nil
    }

    private mutating func undo(to count: Int) {
        while choices.count > max(count, 0), let choice = choices.popLast() {
            if case .restore(let register, let value) = choice { registers[register] = value }
        }
    }

    /// Drops the choices but keeps what they must restore if the search goes back further.
    private mutating func forgetChoices(since count: Int) {
        var kept = max(count, 0)
        for index in choices.indices.dropFirst(kept) {
            guard case .restore = choices[index] else { continue }
            choices[kept] = choices[index]
            kept += 1
        }
        steps += choices.count - kept
        choices.removeLast(choices.count - kept)
    }

    /// Where the text of a group ends if it is repeated at a position; it must also take as many bytes, as in the core.
    private mutating func endOfRepetition(of register: Int, at position: Int, ignoresCase: Bool) -> Int? {
        let (start, end) = (registers[register], registers[register + 1])
        guard start >= 0, end >= start, end - start <= subject.count - position else { return nil }
        steps += end - start
        var difference = 0
        for offset in 0..<(end - start) {
            let (mine, theirs) = (subject.scalars[start + offset], subject.scalars[position + offset])
            if mine == theirs { continue }
            guard ignoresCase, program.orbits?.others(of: mine).contains(theirs) == true else { return nil }
            difference += UTF8.width(Unicode.Scalar(mine) ?? " ") - UTF8.width(Unicode.Scalar(theirs) ?? " ")
        }
        return difference == 0 ? position + end - start : nil
    }
}
