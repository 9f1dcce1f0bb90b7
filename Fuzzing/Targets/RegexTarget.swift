// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateRegex

/// A pattern is refused or searches within its bounds, on texts and on bytes that are none.
enum RegexTarget {
    static func fault(in bytes: [UInt8]) -> String? {
        let parts = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
        let source = String(decoding: parts[0], as: UTF8.self)
        let raw = parts.count > 1 ? Array(parts[1]) : []
        let pattern: Pattern
        do { pattern = try Pattern(source) } catch {
            guard 0...source.utf8.count ~= error.offset else { return "an error points at byte \(error.offset)" }
            return error.message.isEmpty ? "an error has no message" : nil
        }
        let text = String(decoding: raw, as: UTF8.self)
        let limits = PatternLimits()
        let (isFound, steps) = pattern.steps(matching: text)
        let bound = limits.maximumSteps + (text.unicodeScalars.count + 1) * limits.instructions
        guard steps <= bound else { return "\(steps) steps, where \(bound) are the most" }
        guard pattern.matches(text) == isFound else { return "the answer changes" }
        let inBytes = raw.withUnsafeBufferPointer { pattern.matches($0) }
        guard inBytes == isFound || Array(text.utf8) != raw else { return "text and bytes differ" }
        return nil
    }
}
