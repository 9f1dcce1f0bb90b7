// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

/// What is read can be written and read again, and every limit holds to the byte.
enum JSONTarget {
    static func fault(in bytes: [UInt8]) -> String? {
        let value: JSONValue
        do { value = try JSONValue(parsing: bytes) } catch {
            guard 0...bytes.count ~= error.offset else { return "an error points at byte \(error.offset)" }
            return error.message.isEmpty ? "an error has no message" : nil
        }
        return roundTripFault(value) ?? limitFault(bytes, value)
    }

    private static func roundTripFault(_ value: JSONValue) -> String? {
        let written = value.bytes
        guard let again = try? JSONValue(parsing: written) else { return "what was written cannot be read" }
        guard again == value, again.hashValue == value.hashValue else { return "what was written is another value" }
        guard again.isEquivalent(to: value) else { return "a value is not equivalent to itself" }
        return again.bytes == written ? nil : "the value is written differently the second time"
    }

    private static func limitFault(_ bytes: [UInt8], _ value: JSONValue) -> String? {
        let depth = depth(of: bytes)
        guard depth <= JSONLimits().depth else { return "the value is nested \(depth) deep" }
        if depth > 0 {
            guard read(bytes, JSONLimits(depth: depth)) == .success(value) else { return "depth \(depth) is refused" }
        }
        if depth > 1 {
            guard code(bytes, JSONLimits(depth: depth - 1)) == .tooDeep else { return "depth \(depth) is not refused" }
        }
        guard read(bytes, JSONLimits(sizeBytes: bytes.count)) == .success(value) else {
            return "\(bytes.count) bytes are refused though allowed"
        }
        guard code(bytes, JSONLimits(sizeBytes: bytes.count - 1)) == .tooLarge else {
            return "a byte too many is not refused"
        }
        guard read(bytes + Array("]".utf8), JSONLimits(ignoresTrailingText: true)) == .success(value) else {
            return "text behind the value is not ignored"
        }
        switch read(bytes, JSONLimits(refusesDuplicateMembers: true)) {
        case .success(let strict): return strict == value ? nil : "refusing duplicates changes the value"
        case .failure(let error): return error.code == .duplicateMember ? nil : "refusing duplicates: \(error)"
        }
    }

    private static func read(_ bytes: [UInt8], _ limits: JSONLimits) -> Result<JSONValue, JSONError> {
        Result { () throws(JSONError) in try JSONValue(parsing: bytes, limits: limits) }
    }

    private static func code(_ bytes: [UInt8], _ limits: JSONLimits) -> JSONError.Code? {
        guard case .failure(let error) = read(bytes, limits) else { return nil }
        return error.code
    }

    /// How deep brackets are nested in a text that is known to be JSON.
    private static func depth(of bytes: [UInt8]) -> Int {
        var (depth, deepest) = (0, 0)
        var isInText = false
        var isEscaped = false
        for byte in bytes {
            if isInText {
                if isEscaped {
                    isEscaped = false
                } else if byte == UInt8(ascii: "\\") {
                    isEscaped = true
                } else if byte == UInt8(ascii: "\"") {
                    isInText = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\""): isInText = true
            case UInt8(ascii: "["), UInt8(ascii: "{"):
                depth += 1
                deepest = max(deepest, depth)
            case UInt8(ascii: "]"), UInt8(ascii: "}"): depth -= 1
            default: break
            }
        }
        return deepest
    }
}
