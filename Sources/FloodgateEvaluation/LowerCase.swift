// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

extension String {
    /// The text in lower case by Unicode's full mapping, a sigma at the end of a word becoming `ς`.
    ///
    /// Neither case folding nor normalisation: `ß` stays apart from `ss`. Costs one pass and no allocation for ASCII that
    /// is in lower case already.
    package func rustLowercased() -> String {
        enum Content {
            case lower, ascii, other
        }
        let content: Content = UnsafeBufferPointer.reading(self) { bytes in
            var content = Content.lower
            for byte in bytes {
                if byte >= 0x80 { return .other }
                if byte &- UInt8(ascii: "A") < 26 { content = .ascii }
            }
            return content
        }
        switch content {
        case .lower: return self
        case .ascii: return lowercased()
        case .other: break
        }
        var result = ""
        result.reserveCapacity(utf8.count)
        for index in unicodeScalars.indices {
            let scalar = unicodeScalars[index]
            if scalar.value < 0x80 {
                let isUpper = 65...90 ~= scalar.value
                result.unicodeScalars.append(isUpper ? Unicode.Scalar(UInt8(scalar.value) + 32) : scalar)
            } else if scalar == "Σ" {
                result += isFinalSigma(at: index) ? "ς" : "σ"
            } else {
                result += scalar.properties.lowercaseMapping
            }
        }
        return result
    }

    /// Condition Final_Sigma of the Unicode Standard, table 3-17: a cased letter before and none behind, whatever
    /// characters that case ignores lie between.
    private func isFinalSigma(at index: Index) -> Bool {
        let before = unicodeScalars[..<index].reversed().first { !$0.properties.isCaseIgnorable }
        guard let before, before.properties.isCased else { return false }
        let behind = unicodeScalars[unicodeScalars.index(after: index)...].first { !$0.properties.isCaseIgnorable }
        guard let behind else { return true }
        return !behind.properties.isCased
    }
}
