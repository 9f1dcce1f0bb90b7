// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import BenchmarkKit

/// What the command line asks for: the work, then options with a value each.
struct Arguments: Sendable {
    /// What is measured.
    enum Work: String {
        /// Nothing: writes a made-up document to standard output.
        case document
        /// A start, until the first gate was answered.
        case start
        /// Checks while documents are replaced.
        case swaps
        /// Memory while events are logged that nobody takes.
        case flood
        /// Starts and shutdowns, many times over.
        case cycles
        /// Checks for users that were never seen before.
        case users
    }

    /// Where a start finds its document.
    enum Origin: String {
        case network, disk, bootstrap
    }

    let work: Work
    /// How many specs the document has.
    var specs = 1_000
    var origin = Origin.bootstrap
    /// The server's address; by default one where nobody listens.
    var server = "http://127.0.0.1:1"
    /// The folder of the last good document; none by default.
    var folder: String?
    /// The document to start from, where the application has it.
    var file = ""
    /// When the process was started, in seconds of the monotonic clock.
    var spawned: Double?
    var rounds = 5
    /// How long one measurement takes.
    var seconds = 5.0
    /// How often something is done.
    var count = 100

    init(_ words: some Sequence<String>) throws(BenchmarkError) {
        var words = words.makeIterator()
        guard let name = words.next(), let work = Work(rawValue: name) else {
            throw BenchmarkError("say first what to do: document, start, swaps, flood, cycles or users")
        }
        self.work = work
        while let name = words.next() {
            guard let value = words.next() else { throw BenchmarkError("\(name) needs a value") }
            guard try set(name, to: value) else { throw BenchmarkError("'\(value)' is nothing for \(name)") }
        }
    }

    private mutating func set(_ name: String, to value: String) throws(BenchmarkError) -> Bool {
        switch name {
        case "--specs": return Self.set(&specs, Int(value), 4...1_000_000)
        case "--from":
            guard let origin = Origin(rawValue: value) else { return false }
            self.origin = origin
        case "--server": server = value
        case "--folder": folder = value
        case "--file": file = value
        case "--spawned": spawned = Double(value)
        case "--rounds": return Self.set(&rounds, Int(value), 1...1_000)
        case "--seconds": return Self.set(&seconds, Double(value), 0.1...3_600)
        case "--count": return Self.set(&count, Int(value), 1...1_000_000_000)
        default: throw BenchmarkError("there is no option \(name)")
        }
        return true
    }

    private static func set<Value: Comparable>(_ option: inout Value, _ value: Value?, _ range: ClosedRange<Value>)
        -> Bool
    {
        guard let value, range ~= value else { return false }
        option = value
        return true
    }
}
