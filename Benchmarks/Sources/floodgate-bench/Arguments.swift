// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import BenchmarkKit

/// What the command line asks for; the first seven are the contestant protocol of the peer kit.
struct Arguments: Sendable {
    /// Which interface of Floodgate is called.
    enum Interface: String {
        /// `FloodgateClient`, as applications use it.
        case client
        /// `Evaluator` alone, without a client around it.
        case evaluator
        /// `FloodgateClient` that logs events, so that checks without exposure are counted by name.
        case logging
    }

    /// Folder of the kit's data; without one, users and document are made up.
    var folder: String?
    var work = Work.gateOn
    var logsExposures = false
    var threads = 1
    var seconds = 1.0
    /// How many operations to do untimed, for instruction counts; 0 measures time.
    var operations = 0
    var interface = Interface.client
    /// How many specs to make up instead of reading the kit's document.
    var specs: Int?

    init(_ words: some Sequence<String>) throws(BenchmarkError) {
        var words = words.makeIterator()
        while let name = words.next() {
            guard let value = words.next() else { throw BenchmarkError("\(name) needs a value") }
            guard try set(name, to: value) else { throw BenchmarkError("'\(value)' is nothing for \(name)") }
        }
    }

    private mutating func set(_ name: String, to value: String) throws(BenchmarkError) -> Bool {
        switch name {
        case "--dir": folder = value
        case "--work":
            guard let work = Work(rawValue: value) else { return false }
            self.work = work
        case "--expo":
            guard ["on", "off"].contains(value) else { return false }
            logsExposures = value == "on"
        case "--threads":
            guard let number = Int(value), 1...64 ~= number else { return false }
            threads = number
        case "--seconds":
            guard let number = Double(value), 0...3_600 ~= number else { return false }
            seconds = number
        case "--ops":
            guard let number = Int(value), number >= 0 else { return false }
            operations = number
        case "--api":
            guard let interface = Interface(rawValue: value) else { return false }
            self.interface = interface
        case "--specs":
            guard let number = Int(value), 4...1_000_000 ~= number else { return false }
            specs = number
        default:
            throw BenchmarkError("there is no option \(name)")
        }
        return true
    }
}

/// What one operation is, by the letter that the kit gives it.
enum Work: String, Sendable {
    case gateOn = "a"
    case halfGate = "b"
    case targetedGate = "c"
    case experiment = "d"
    case everything = "e"
    case load = "f"
    case rotatingGates = "m"
}
