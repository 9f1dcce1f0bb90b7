// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

/// Why a config-specs document, or one part of it, cannot be used, and where the fault is.
public struct SpecError: Error, Hashable, Sendable, CustomStringConvertible {
    /// Stable: metrics, exit codes and HTTP statuses hang on it.
    @nonexhaustive public enum Code: String, Sendable {
        /// The bytes are not JSON.
        case notJSON
        /// A member that must be there is missing or null.
        case missingMember
        /// A member has a value of another type than it must have.
        case wrongType
        /// A number is outside its range, or not an integer where one is asked for.
        case outOfRange
        /// A rule names a condition that the document does not hold.
        case unknownCondition
        /// A gate or delegation needs itself.
        case cycle
        /// Two entities of one kind have the same name.
        case duplicateName
        /// A condition type or operator that no evaluator knows.
        case unsupported
    }

    /// What kind of mistake it is.
    public var code: Code
    /// JSON Pointer (RFC 6901) to the offending value; empty for the document as a whole.
    public var pointer: String
    /// What is wrong and what to write instead, for the document's author.
    public var message: String

    /// Makes an error at `pointer`.
    public init(code: Code, pointer: String, message: String) {
        self.code = code
        self.pointer = pointer
        self.message = message
    }

    /// The fault with its place in one line.
    public var description: String { pointer.isEmpty ? message : "\(pointer): \(message)" }

    init(_ error: JSONError) {
        self.init(code: .notJSON, pointer: "", message: "The document is not JSON: \(error)")
    }
}

/// A place in a document, written as a JSON Pointer only when somebody asks.
struct Place {
    let pointer: String

    static let root = Place(pointer: "")

    func member(_ name: String) -> Place {
        guard name.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) else {
            return Place(pointer: "\(pointer)/\(name)")
        }
        var escaped = ""
        for character in name.unicodeScalars {
            switch character {
            case "~": escaped += "~0"
            case "/": escaped += "~1"
            default: escaped.unicodeScalars.append(character)
            }
        }
        return Place(pointer: "\(pointer)/\(escaped)")
    }

    func item(_ index: Int) -> Place { Place(pointer: "\(pointer)/\(index)") }

    func missing(_ name: String) -> SpecError {
        SpecError(
            code: .missingMember,
            pointer: pointer,
            message: "The member \"\(name)\" is missing; it must be there"
        )
    }

    func wrongType(_ wanted: String) -> SpecError {
        SpecError(code: .wrongType, pointer: pointer, message: "The value must be \(wanted)")
    }
}
