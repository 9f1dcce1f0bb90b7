// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Follows all ways through a program at once, from left to right: at most once through each instruction for a scalar.
struct ForwardSearch {
    let program: Program
    let code: [Instruction]
    let subject: Subject
    let tables: Tables
    /// Instructions visited.
    private(set) var steps = 0

    private var visited: [Int]
    private var threads: [Int] = []
    private var nextThreads: [Int] = []
    private var pending: [Int] = []

    init(program: Program, code: [Instruction], subject: Subject, tables: Tables) {
        self.program = program
        self.code = code
        self.subject = subject
        self.tables = tables
        visited = [Int](repeating: -1, count: code.count)
    }

    /// Whether a match starts anywhere.
    mutating func finds() -> Bool {
        let isAnchored = code.first == .assert(.textStart)
        for position in 0...subject.count {
            if position > 0, isAnchored, threads.isEmpty { return false }
            if advance(at: position) { return true }
        }
        return false
    }

    /// For each position, 1 if a match ends there, else -1.
    mutating func ends() -> [Int32] {
        (0...subject.count).map { advance(at: $0) ? 1 : -1 }
    }

    /// Starts a match at the position, moves all of them past one scalar, and tells whether one ended before it.
    private mutating func advance(at position: Int) -> Bool {
        let symbol = position < subject.count ? subject.symbols[position] : nil
        var accepts = false
        pending.removeAll(keepingCapacity: true)
        pending.append(0)
        pending.append(contentsOf: threads)
        nextThreads.removeAll(keepingCapacity: true)
        while let place = pending.popLast() {
            if visited[place] == position { continue }
            visited[place] = position
            steps += 1
            switch code[place] {
            case .consume(let set):
                if let symbol, program.alphabet.contains(symbol, set: set) { nextThreads.append(place + 1) }
            case .split(let first, let second):
                pending.append(second)
                pending.append(first)
            case .jump(let target): pending.append(target)
            case .assert(let assertion): if subject.holds(assertion, at: position) { pending.append(place + 1) }
            case .look(let block, let negated):
                if (tables[block, position] >= 0) != negated { pending.append(place + 1) }
            case .accept: accepts = true
            default: break
            }
        }
        swap(&threads, &nextThreads)
        return accepts
    }
}

/// What blocks have found for each position of a text.
struct Tables {
    private(set) var columns: [[Int32]] = []

    init() {}

    mutating func append(_ column: [Int32]) { columns.append(column) }

    @inline(__always)
    subscript(block: Int, position: Int) -> Int32 { columns[block][position] }
}
