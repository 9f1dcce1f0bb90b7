// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// A program without look-around as a table from state and symbol to state, for programs whose table is small.
///
/// Built with the pattern and never changed, so that any number of threads may walk it; a walk allocates nothing.
struct StateMachine: Sendable {
    private static let maximumStates = 1_024
    private static let maximumEntries = 32_768
    private static let maximumWork = 400_000
    /// The state from which nothing can match any more, and the one in which something has.
    private static let dead: UInt16 = 0
    private static let matched: UInt16 = 1

    private var table: [UInt16] = []
    private var acceptsAtEnd: [Bool] = []
    private var start: UInt16 = 0
    private let alphabet: Alphabet

    /// What is known between two scalars: where matches that have begun can go on, and what came before.
    private struct State: Hashable {
        var places: [Int]
        var before: ScalarKind
    }

    /// Nil if the program looks around or its table would be too large.
    init?(_ program: Program) {
        guard program.blocks.isEmpty, !program.isBacktracking else { return nil }
        alphabet = program.alphabet
        let width = alphabet.count
        let mask = Self.relevantKinds(program.code)
        var numbers: [State: UInt16] = [:]
        var states: [State] = []
        var work = 0
        var visited = [Int](repeating: -1, count: program.code.count)
        var round = 0

        func number(_ state: State) -> UInt16 {
            if let known = numbers[state] { return known }
            let new = UInt16(truncatingIfNeeded: states.count + 2)
            numbers[state] = new
            states.append(state)
            return new
        }

        /// The consuming instructions that can be reached, or nil if the end can be.
        func closure(_ state: State, _ after: ScalarKind) -> [Int]? {
            round += 1
            var pending = [0] + state.places
            var consuming: [Int] = []
            while let place = pending.popLast() {
                if visited[place] == round { continue }
                visited[place] = round
                work += 1
                switch program.code[place] {
                case .consume: consuming.append(place)
                case .split(let first, let second): pending += [first, second]
                case .jump(let target): pending.append(target)
                case .assert(let assertion):
                    if assertion.holds(between: state.before, and: after) { pending.append(place + 1) }
                default: return nil
                }
            }
            return consuming
        }

        start = number(State(places: [], before: ScalarKind.edge.intersection(mask)))
        table = [UInt16](repeating: Self.dead, count: width) + [UInt16](repeating: Self.matched, count: width)
        acceptsAtEnd = [false, true]
        let kinds = alphabet.kinds.map { $0.intersection(mask) }
        var done = 0
        while done < states.count {
            let state = states[done]
            done += 1
            acceptsAtEnd.append(closure(state, .edge) == nil)
            var row = [UInt16](repeating: Self.matched, count: width)
            for kind in Set(kinds) {
                guard let consuming = closure(state, kind) else { continue }
                for symbol in 0..<width where kinds[symbol] == kind {
                    var places: [Int] = []
                    for place in consuming {
                        guard case .consume(let set) = program.code[place],
                            alphabet.contains(UInt16(truncatingIfNeeded: symbol), set: set)
                        else { continue }
                        places.append(place + 1)
                    }
                    work += consuming.count + 1
                    guard work <= Self.maximumWork else { return nil }
                    places.sort()
                    row[symbol] = number(State(places: places, before: kind))
                }
            }
            table += row
            guard states.count <= Self.maximumStates, work <= Self.maximumWork,
                (states.count + 2) * width <= Self.maximumEntries
            else { return nil }
        }
        buryDeadStates(width)
    }

    /// Whether valid UTF-8 matches.
    func matches(_ utf8: UnsafeBufferPointer<UInt8>, steps: inout Int) -> Bool {
        let width = alphabet.count
        var state = start
        var position = 0
        return table.withUnsafeBufferPointer { table in
            alphabet.ascii.withUnsafeBufferPointer { ascii in
                while position < utf8.count {
                    steps += 1
                    let byte = Int(utf8[position])
                    let symbol: UInt16
                    if byte < 0x80 {
                        symbol = ascii[byte]
                        position += 1
                    } else {
                        symbol = alphabet.symbol(of: decodeScalar(utf8, &position))
                    }
                    state = table[Int(state) &* width &+ Int(symbol)]
                    if state <= Self.matched { return state == Self.matched }
                }
                return acceptsAtEnd[Int(state)]
            }
        }
    }

    private static func relevantKinds(_ code: [Instruction]) -> ScalarKind {
        var mask: ScalarKind = []
        for case .assert(let assertion) in code {
            if assertion.asksForWords { mask.insert(.word) }
            switch assertion {
            case .lineStart, .lineEnd: mask.formUnion([.lineFeed, .edge])
            case .textStart, .searchStart: mask.insert(.edge)
            default: break
            }
        }
        return mask
    }

    /// Sends to the dead state what can only lead to states without a match.
    private mutating func buryDeadStates(_ width: Int) {
        let count = acceptsAtEnd.count
        var isAlive = acceptsAtEnd
        var sources = [[Int]](repeating: [], count: count)
        for (index, target) in table.enumerated() { sources[Int(target)].append(index / width) }
        var pending = isAlive.indices.filter { isAlive[$0] }
        while let state = pending.popLast() {
            for source in sources[state] where !isAlive[source] {
                isAlive[source] = true
                pending.append(source)
            }
        }
        for index in table.indices where !isAlive[Int(table[index])] { table[index] = Self.dead }
        if !isAlive[Int(start)] { start = Self.dead }
    }
}
