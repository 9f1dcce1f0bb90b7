// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Finds from which instructions a program can come to its end, for each position of a text from the last to the first.
///
/// Atomic groups and conditions make a search from the left depend on choices made before; from the right, where an
/// inner group ends is known by the time that it is asked for. So these too take time linear in the text.
struct BackwardSearch {
    let program: Program
    let code: [Instruction]
    let subject: Subject
    let tables: Tables
    /// Whether to know where matches end, rather than only that they do.
    let findsEnds: Bool
    /// Instructions visited.
    private(set) var steps = 0

    /// For each instruction, those that may go on there without consuming.
    private var predecessors: [[Int]]
    /// For each instruction, where the match from there ends, or -1: at this position and the one after it.
    private var current: [Int32]
    private var following: [Int32]
    /// What was found, for all positions, at the instructions where an atomic group leads to.
    private var kept: [Int: [Int32]] = [:]
    private var pending: [Int] = []
    /// For each instruction of the way that is being followed, how many of its sides were taken; and which those are.
    private var tried: [UInt8]
    private var visited: [Int] = []

    init(program: Program, code: [Instruction], subject: Subject, tables: Tables, findsEnds: Bool) {
        self.program = program
        self.code = code
        self.subject = subject
        self.tables = tables
        self.findsEnds = findsEnds
        predecessors = [[Int]](repeating: [], count: code.count)
        current = [Int32](repeating: -1, count: code.count)
        following = current
        tried = [UInt8](repeating: 0, count: code.count)
        let column = [Int32](repeating: -1, count: subject.count + 1)
        for (place, instruction) in code.enumerated() {
            for target in Self.targets(of: instruction, at: place) { predecessors[target].append(place) }
            switch instruction {
            case .atomic: kept[place + 1] = column
            case .conditional(_, let then, _): kept[then] = column
            default: break
            }
        }
    }

    /// Bytes that the columns kept for atomic groups take.
    static func bytes(_ code: [Instruction], count: Int) -> Int {
        code.reduce(0) { sum, instruction in
            switch instruction {
            case .atomic, .conditional: sum + 4 * (count + 1)
            default: sum
            }
        }
    }

    private static func targets(of instruction: Instruction, at place: Int) -> [Int] {
        switch instruction {
        case .split(let first, let second): [first, second]
        case .jump(let target): [target]
        case .assert, .look, .atomic: [place + 1]
        case .conditional(_, let then, let otherwise): [then, otherwise]
        default: []
        }
    }

    /// Whether a match starts anywhere.
    mutating func finds() -> Bool {
        for position in stride(from: subject.count, through: 0, by: -1) {
            advance(to: position)
            if current[0] >= 0 { return true }
        }
        return false
    }

    /// For each position, where the match from there ends, or -1.
    mutating func results() -> [Int32] {
        var column = [Int32](repeating: -1, count: subject.count + 1)
        for position in stride(from: subject.count, through: 0, by: -1) {
            advance(to: position)
            column[position] = current[0]
        }
        return column
    }

    private mutating func advance(to position: Int) {
        swap(&current, &following)
        let symbol = position < subject.count ? subject.symbols[position] : nil
        pending.removeAll(keepingCapacity: true)
        for place in code.indices {
            steps += 1
            current[place] = seed(place, position, symbol)
            if current[place] >= 0 { pending.append(place) }
        }
        // Until preferences are sorted out below, `.max` says that an end exists but not where.
        while let place = pending.popLast() {
            for predecessor in predecessors[place] where current[predecessor] < 0 {
                steps += 1
                guard leads(from: predecessor, to: place, at: position) else { continue }
                current[predecessor] = .max
                pending.append(predecessor)
            }
        }
        if findsEnds {
            for place in code.indices where current[place] == .max { resolve(place, at: position) }
        }
        for place in Array(kept.keys) { kept[place]?[position] = current[place] }
    }

    /// What is known of an instruction without looking at others of the same position.
    private func seed(_ place: Int, _ position: Int, _ symbol: UInt16?) -> Int32 {
        switch code[place] {
        case .consume(let set):
            guard let symbol, program.alphabet.contains(symbol, set: set) else { return -1 }
            return following[place + 1]
        case .accept: return Int32(truncatingIfNeeded: position)
        case .atomic(let block):
            let end = Int(tables[block, position])
            return end > position ? kept[place + 1]?[end] ?? -1 : -1
        case .conditional(let block, let then, _):
            let end = Int(tables[block, position])
            return end > position ? kept[then]?[end] ?? -1 : -1
        default: return -1
        }
    }

    private func leads(from place: Int, to target: Int, at position: Int) -> Bool {
        switch code[place] {
        case .split, .jump: true
        case .assert(let assertion): subject.holds(assertion, at: position)
        case .look(let block, let negated): (tables[block, position] >= 0) != negated
        case .atomic(let block): Int(tables[block, position]) == position
        case .conditional(let block, let then, let otherwise):
            tables[block, position] < 0
                ? target == otherwise : Int(tables[block, position]) == position && target == then
        default: false
        }
    }

    /// Follows the preferred way from an instruction that can come to an end, and notes the end all along it.
    ///
    /// A way that comes back to a split without having consumed anything takes the split's other side, and failing that
    /// the other side of the last split before.
    private mutating func resolve(_ start: Int, at position: Int) {
        var path: [Int] = []
        var place = start
        var end: Int32 = -1
        walk: while true {
            steps += 1
            if current[place] != .max {
                end = current[place]
                if end >= 0 { break }
                guard let other = otherSide(&path, of: nil) else { break }
                place = other
                continue
            }
            if tried[place] != 0 {
                guard let other = otherSide(&path, of: place) else { break walk }
                place = other
                continue
            }
            tried[place] = 1
            visited.append(place)
            path.append(place)
            switch code[place] {
            case .split(let first, _): place = first
            case .jump(let target): place = target
            case .conditional(let block, let then, let otherwise):
                place = tables[block, position] < 0 ? otherwise : then
            default: place += 1
            }
        }
        for place in visited {
            current[place] = end
            tried[place] = 0
        }
        visited.removeAll(keepingCapacity: true)
    }

    /// The second side of the split that was come back to or, if that was taken, of the last one with a side left.
    private mutating func otherSide(_ path: inout [Int], of place: Int?) -> Int? {
        if let place, tried[place] == 1, case .split(_, let second) = code[place], current[second] >= 0 {
            tried[place] = 2
            return second
        }
        while let last = path.last {
            if tried[last] == 1, case .split(_, let second) = code[last] {
                tried[last] = 2
                return second
            }
            path.removeLast()
        }
        return nil
    }
}
