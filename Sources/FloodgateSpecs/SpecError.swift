// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON

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

    package init(_ error: JSONError) {
        self.init(code: .notJSON, pointer: "", message: "The document is not JSON: \(error)")
    }
}

extension SpecError {
    /// A member of the value that is read is missing.
    init(missing name: String) {
        self.init(
            code: .missingMember,
            pointer: "",
            message: "The member \"\(name)\" is missing; it must be there"
        )
    }

    /// The value that is read is not what it must be.
    init(wanted: String) { self.init(code: .wrongType, pointer: "", message: "The value must be \(wanted)") }

    /// The error as seen from around the member `name`: pointers are completed on the way out, since few are wanted.
    func under(_ name: String) -> SpecError {
        var error = self
        if name.utf8.contains(where: { $0 == UInt8(ascii: "~") || $0 == UInt8(ascii: "/") }) {
            var escaped = ""
            for scalar in name.unicodeScalars {
                switch scalar {
                case "~": escaped += "~0"
                case "/": escaped += "~1"
                default: escaped.unicodeScalars.append(scalar)
                }
            }
            error.pointer = "/\(escaped)\(pointer)"
        } else {
            error.pointer = "/\(name)\(pointer)"
        }
        return error
    }

    /// The error as seen from around the item at `index`.
    func under(_ index: Int) -> SpecError {
        var error = self
        error.pointer = "/\(index)\(pointer)"
        return error
    }

    /// The error as seen from where the value stands at `pointer`.
    func at(_ pointer: String) -> SpecError {
        var error = self
        error.pointer = pointer + error.pointer
        return error
    }
}
