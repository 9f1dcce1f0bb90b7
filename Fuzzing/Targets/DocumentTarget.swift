// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateJSON
import FloodgateSpecs

/// A document is refused with a place and a message, or it answers for every name and user; read straight into a ruleset,
/// as the SDK does, or by way of its parts, as the console does, it is the same.
enum DocumentTarget {
    static func fault(in bytes: [UInt8]) -> String? {
        let parts = Result { () throws(SpecError) in try SpecDocument.read(bytes) }
        let whole = Result { () throws(SpecError) in try Ruleset(reading: bytes, receivedAt: 0) }
        switch (parts, whole) {
        case (.failure(let error), .failure(let other)):
            return error == other ? fault(of: error, in: bytes) : "refused in two ways: \(error), and \(other)"
        case (.success(nil), .success(nil)): return nil
        case (.success(let document?), .success(let ruleset?)):
            for error in document.dropped {
                if let fault = fault(of: error, in: bytes) { return fault }
            }
            return shapeFault(document) ?? evaluationFault(document, ruleset, variant: bytes.count)
        default: return "read in one way alone: \(parts.map { $0 != nil }), and \(whole.map { $0 != nil })"
        }
    }

    // MARK: Errors

    private static func fault(of error: SpecError, in bytes: [UInt8]) -> String? {
        guard !error.message.isEmpty else { return "an error has no message" }
        guard error.code != .notJSON else {
            return error.pointer.isEmpty ? nil : "bytes that are not JSON have a place"
        }
        guard let json = try? JSONValue(parsing: bytes, limits: .documents) else {
            return "\(error) in what is no JSON"
        }
        return leads(error.pointer, into: json) ? nil : "the pointer of \(error) leads nowhere"
    }

    /// Whether a JSON Pointer leads to a value, or to a member that its object lacks.
    private static func leads(_ pointer: String, into json: JSONValue) -> Bool {
        var tokens = pointer.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false).map {
            unescaped(Array($0))
        }
        guard tokens.removeFirst().isEmpty else { return false }
        var place = json
        for (index, token) in tokens.enumerated() {
            switch place {
            case .object(let object):
                guard let value = object[token] else { return index == tokens.count - 1 }
                place = value
            case .array(let items):
                guard let position = Int(token), items.indices.contains(position) else { return false }
                place = items[position]
            default: return false
            }
        }
        return true
    }

    private static func unescaped(_ token: [UInt8]) -> String {
        var bytes: [UInt8] = []
        var rest = token[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "~"), let next = rest.popFirst() else {
                bytes.append(byte)
                continue
            }
            bytes.append(next == UInt8(ascii: "1") ? UInt8(ascii: "/") : byte)
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    // MARK: Shapes

    /// Both shapes can be read again, and nothing moves the second time.
    private static func shapeFault(_ document: SpecDocument) -> String? {
        for shape in SpecDocument.Shape.allCases {
            let written = document.json(shape)
            do {
                guard let again = try SpecDocument.read(written) else { return "\(shape) reads as nothing new" }
                guard again.dropped.isEmpty else { return "\(shape) loses \(again.dropped)" }
                if again.json(shape).bytes != written.bytes { return "\(shape) is not the same after another round" }
            } catch { return "\(shape) cannot be read again: \(error)" }
        }
        return nil
    }

    // MARK: Answers

    private static func evaluationFault(_ document: SpecDocument, _ ruleset: Ruleset, variant: Int) -> String? {
        let names = Answers.Names(document)
        let evaluator = Evaluator(ruleset, from: .network, surroundings: Answers.surroundings)
        guard let compiled = try? Ruleset(compiling: document, receivedAt: 0) else { return "it does not compile" }
        let other = Evaluator(compiled, from: .network, surroundings: Answers.surroundings)
        guard ruleset.layerNames.count == document.layers.count, ruleset.layerNames == compiled.layerNames,
            ruleset.gateNames == compiled.gateNames
        else { return "names were lost" }
        return Answers.fault(of: evaluator, names, for: Answers.users, variant: variant)
            ?? Answers.difference(evaluator, other, names, for: Answers.users[variant % Answers.users.count])
    }
}
