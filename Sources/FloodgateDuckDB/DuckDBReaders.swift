// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON
internal import FloodgateWarehouse
internal import Synchronization

/// The children that answer questions, and what each of them knows of the files.
final class DuckDBReaders: Sendable {
    /// What was last made in a child.
    struct Known: Sendable {
        var start = 0
        var version = 0
        var single: [WarehouseTable: Set<String>] = [:]
    }

    /// A child and what it knows; lent to one question at a time.
    struct Reader: Sendable {
        var child: DuckDBChild
        var known = Known()
    }

    private struct State {
        var idle: [Reader]
        var waiting: [CheckedContinuation<Reader?, Never>] = []
        var isOpen = true
    }

    private let all: [DuckDBChild]
    private let state: Mutex<State>

    init(_ children: [DuckDBChild]) {
        all = children
        state = Mutex(State(idle: children.map { Reader(child: $0) }))
    }

    /// A child that is free, or the next that will be.
    /// - Throws: `.limit` if `most` wait already, `.unavailable` if there will be none.
    func take(waiting most: Int) async throws(WarehouseError) -> Reader {
        enum Answer { case now(Reader), later, never, full }
        let reader: Reader? = try await {
            () async throws(WarehouseError) -> Reader? in
            var isFull = false
            let reader: Reader? = await withCheckedContinuation { continuation in
                let answer: Answer = state.withLock { state in
                    guard state.isOpen else { return .never }
                    if let reader = state.idle.popLast() { return .now(reader) }
                    guard state.waiting.count < most else { return .full }
                    state.waiting.append(continuation)
                    return .later
                }
                switch answer {
                case .now(let reader): continuation.resume(returning: reader)
                case .never: continuation.resume(returning: nil)
                case .full:
                    isFull = true
                    continuation.resume(returning: nil)
                case .later: break
                }
            }
            if isFull { throw WarehouseError(.limit, "\(most) questions wait already; ask later") }
            return reader
        }()
        guard let reader else { throw WarehouseError(.unavailable, "the warehouse is shut down") }
        return reader
    }

    func giveBack(_ reader: Reader) {
        let next = state.withLock { state -> CheckedContinuation<Reader?, Never>? in
            if !state.waiting.isEmpty { return state.waiting.removeFirst() }
            state.idle.append(reader)
            return nil
        }
        next?.resume(returning: reader)
    }

    func shutdown() async {
        let waiting = state.withLock { state in
            state.isOpen = false
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume(returning: nil) }
        for child in all { await child.shutdown() }
    }

    /// Kills the children, as a fault would.
    func kill() {
        for child in all { child.kill() }
    }

    /// The lines of an answer as objects.
    static func rows(_ lines: [[UInt8]]) throws(WarehouseError) -> [JSONObject] {
        var rows: [JSONObject] = []
        rows.reserveCapacity(lines.count)
        for line in lines { rows.append(try row(line)) }
        return rows
    }

    /// A line of an answer as an object.
    static func row(_ line: [UInt8]) throws(WarehouseError) -> JSONObject {
        if let row = try? JSONValue(parsing: line).objectValue { return row }
        // Numbers that JSON does not have.
        if let row = try? JSONValue(parsing: withoutSpecialNumbers(line)).objectValue { return row }
        throw WarehouseError(.failed, "DuckDB answers with what is no JSON object")
    }

    /// The line with `null` in place of NaN and infinities outside texts.
    private static func withoutSpecialNumbers(_ line: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var isText = false
        var rest = line[...]
        let words = ["NaN", "Infinity", "-Infinity", "-NaN"].map { Array($0.utf8) }
        while let byte = rest.first {
            if !isText, let word = words.first(where: { rest.starts(with: $0) }) {
                result += Array("null".utf8)
                rest = rest.dropFirst(word.count)
                continue
            }
            if byte == UInt8(ascii: "\"") { isText.toggle() }
            result.append(byte)
            rest = rest.dropFirst()
            if isText, byte == UInt8(ascii: "\\"), let escaped = rest.popFirst() { result.append(escaped) }
        }
        return result
    }
}
