// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import BenchmarkKit

/// What the command line asks for: options with a value each.
struct Arguments: Sendable {
    /// The program `floodgate`.
    var program = ""
    /// An empty folder for the server's data and its log.
    var folder = ""
    /// The routes to overload.
    var routes = Route.allCases
    /// By how much more is offered than the server can do.
    var factor = 10.0
    /// Seconds of overload.
    var seconds = 15.0
    /// Seconds of half the load afterwards.
    var calm = 10.0
    /// Connections at once, at most.
    var connections = 2_000
    /// The core of the server, and that of this program.
    var cores = (server: 0, load: 1)

    init(_ words: some Sequence<String>) throws(BenchmarkError) {
        var words = words.makeIterator()
        while let name = words.next() {
            guard let value = words.next() else { throw BenchmarkError("\(name) needs a value") }
            guard set(name, to: value) else { throw BenchmarkError("'\(value)' is nothing for \(name)") }
        }
        guard !program.isEmpty, !folder.isEmpty else { throw BenchmarkError("say --program FILE and --folder FOLDER") }
    }

    private mutating func set(_ name: String, to value: String) -> Bool {
        switch name {
        case "--program": program = value
        case "--folder": folder = value
        case "--routes":
            let named = value.split(separator: ",").map { Route(rawValue: String($0)) }
            routes = named.compactMap { $0 }
            return routes.count == named.count && !named.isEmpty
        case "--factor": return Self.set(&factor, Double(value), 1...100)
        case "--seconds": return Self.set(&seconds, Double(value), 1...600)
        case "--calm": return Self.set(&calm, Double(value), 1...600)
        case "--connections": return Self.set(&connections, Int(value), 128...16_000)
        case "--server-core": return Self.set(&cores.server, Int(value), 0...1_023)
        case "--load-core": return Self.set(&cores.load, Int(value), 0...1_023)
        default: return false
        }
        return true
    }

    private static func set<Value>(_ member: inout Value, _ value: Value?, _ range: ClosedRange<Value>) -> Bool {
        guard let value, range.contains(value) else { return false }
        member = value
        return true
    }
}
