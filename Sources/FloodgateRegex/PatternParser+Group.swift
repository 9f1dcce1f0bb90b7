// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

extension PatternParser {
    /// What follows an opening parenthesis, through the closing one.
    mutating func group(depth: Int) throws(PatternError) -> Node {
        let depth = depth + 1
        guard depth <= Self.maximumDepth else {
            throw PatternError(
                code: .tooLarge,
                offset: syntax("").offset,
                message: "more than \(Self.maximumDepth) groups stand in each other"
            )
        }
        position += 1
        try skipBlanks()
        guard peek == "?" else { return try capture(depth: depth) }
        if follows("?=") { return try look(behind: false, negated: false, length: 2, depth: depth) }
        if follows("?!") { return try look(behind: false, negated: true, length: 2, depth: depth) }
        if follows("?<=") { return try look(behind: true, negated: false, length: 3, depth: depth) }
        if follows("?<!") { return try look(behind: true, negated: true, length: 3, depth: depth) }
        if follows("?<") { return try namedCapture(length: 2, close: ">", depth: depth) }
        if follows("?'") { return try namedCapture(length: 2, close: "'", depth: depth) }
        if follows("?P<") { return try namedCapture(length: 3, close: ">", depth: depth) }
        if follows("?P=") {
            position += 3
            return try namedReference(close: ")", allowsRelative: false)
        }
        if follows("?>") {
            position += 2
            return .atomic(try body(depth: depth))
        }
        if follows("?(") {
            position += 2
            return try conditional(depth: depth)
        }
        return try flagged(depth: depth)
    }

    private mutating func body(depth: Int) throws(PatternError) -> Node {
        let node = try alternation(depth: depth)
        try close()
        return node
    }

    private mutating func close() throws(PatternError) {
        try skipBlanks()
        guard peek == ")" else { throw unclosed() }
        position += 1
    }

    private mutating func capture(depth: Int) throws(PatternError) -> Node {
        groupCount += 1
        let number = groupCount
        return .capture(number, try body(depth: depth))
    }

    private mutating func namedCapture(
        length: Int,
        close: Unicode.Scalar,
        depth: Int
    ) throws(PatternError) -> Node {
        position += length
        let name = identifier()
        guard !name.isEmpty, peek == close else {
            throw syntax("a group's name is letters, digits and _, followed by \(close)")
        }
        position += 1
        names[name] = groupCount + 1
        return try capture(depth: depth)
    }

    private mutating func look(
        behind: Bool,
        negated: Bool,
        length: Int,
        depth: Int
    ) throws(PatternError) -> Node {
        position += length
        return .look(try body(depth: depth), behind: behind, negated: negated)
    }

    // MARK: Flags

    private mutating func flagged(depth: Int) throws(PatternError) -> Node {
        position += 1
        let start = position
        let outer = flags
        var clears = false
        while true {
            try skipBlanks()
            guard let scalar = peek else { throw unclosed() }
            let isBare = clears && position == start + 1
            switch scalar {
            case "i": set(.ignoresCase, clears)
            case "m": set(.multiline, clears)
            case "s": set(.dotMatchesLineFeed, clears)
            case "U": set(.swapsGreed, clears)
            case "x": set(.ignoresBlanks, clears)
            case "u":
                if clears { throw unsupported("matching bytes instead of Unicode scalars, (?-u),") }
            case "-" where !clears: clears = true
            case ")" where position > start && !isBare:
                position += 1
                return .empty
            case ":" where !isBare:
                position += 1
                let node = try alternation(depth: depth)
                guard peek == ")" else { throw unclosed() }
                position += 1
                flags = outer
                return node
            default: throw syntax("unknown group or flag; the flags are i, m, s, x, U and u")
            }
            position += 1
        }
    }

    private mutating func set(_ flag: PatternFlags, _ clears: Bool) {
        if clears { flags.remove(flag) } else { flags.insert(flag) }
    }

    // MARK: References and conditions

    /// The group that a name or number between delimiters stands for; the position is at its first scalar.
    mutating func namedReference(close: StaticString, allowsRelative: Bool) throws(PatternError) -> Node {
        let group = try referredGroup(close: close, allowsRelative: allowsRelative)
        return .backreference(group, ignoresCase: flags.contains(.ignoresCase))
    }

    private mutating func referredGroup(close: StaticString, allowsRelative: Bool) throws(PatternError) -> Int {
        let start = position
        let name = identifier()
        if name.isEmpty, allowsRelative, peek == "-" || peek == "+" {
            let backwards = peek == "-"
            position += 1
            guard let distance = decimal(), distance > 0, follows(close) else {
                throw syntax("a group's number is expected", at: start)
            }
            position += close.utf8CodeUnitCount
            let (group, overflows) = groupCount.addingReportingOverflow(backwards ? 1 - distance : distance)
            guard !overflows else { throw syntax("there is no such group", at: start) }
            references.append((group, start))
            return group
        }
        guard !name.isEmpty, follows(close) else { throw syntax("the name of a group is expected", at: start) }
        position += close.utf8CodeUnitCount
        guard let group = names[name] ?? Int(name) else {
            throw syntax("there is no group \(name) before this", at: start)
        }
        references.append((group, start))
        return group
    }

    private mutating func identifier() -> String {
        var name = String.UnicodeScalarView()
        while let scalar = peek, Self.isWordScalar(scalar) {
            name.append(scalar)
            position += 1
        }
        return String(name)
    }

    private static func isWordScalar(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return scalar == "_" || scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) }
        return scalar.properties.isAlphabetic || scalar.properties.numericType != nil
    }

    private mutating func conditional(depth: Int) throws(PatternError) -> Node {
        guard let first = peek else { throw unclosed() }
        var condition: Node
        switch first {
        case "'", "<":
            position += 1
            condition = .groupTest(try referredGroup(close: first == "<" ? ">)" : "')", allowsRelative: true))
        case "+", "-", "0"..."9":
            condition = .groupTest(try referredGroup(close: ")", allowsRelative: true))
        default:
            condition = try alternation(depth: depth)
            if case .backreference(let group, _) = condition { condition = .groupTest(group) }
            try close()
        }
        let start = position
        let child = try alternation(depth: depth)
        if position == start {
            guard case .groupTest = condition else { throw syntax("what follows the condition is missing") }
            try close()
            return condition
        }
        try close()
        guard case .alternation(let alternatives) = child, let then = alternatives.first else {
            return child.isEmpty ? condition : .conditional(condition, then: child, otherwise: .empty)
        }
        let others = Array(alternatives.dropFirst())
        let otherwise = others.count == 1 ? others[0] : .alternation(others)
        if then.isEmpty, otherwise.isEmpty { return condition }
        return .conditional(condition, then: then, otherwise: otherwise)
    }
}
