// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// What a client takes as content coding (RFC 9110, 12.5.3), reduced to the one coding that is prepared.
package enum AcceptEncoding {
    /// Whether `header` names `gzip` with a weight above 0.
    ///
    /// Only the coding's own name counts: SDKs announce codings that they cannot read, so `*` is not taken as a wish.
    package static func allowsGzip(_ header: String?) -> Bool {
        guard let header else { return false }
        for item in header.split(separator: ",") {
            let parts = item.split(separator: ";").map { $0.trimmingBlanks() }
            guard let name = parts.first, name.lowercased() == "gzip" else { continue }
            return parts.dropFirst().allSatisfy(isPositiveWeight)
        }
        return false
    }

    private static func isPositiveWeight(_ parameter: Substring) -> Bool {
        let sides = parameter.split(separator: "=", maxSplits: 1).map { $0.trimmingBlanks() }
        guard sides.count == 2, sides[0].lowercased() == "q" else { return false }
        guard let weight = Double(sides[1]), weight.isFinite else { return false }
        return weight > 0
    }
}

extension Substring {
    func trimmingBlanks() -> Substring {
        var text = self
        while let first = text.first, first == " " || first == "\t" { text.removeFirst() }
        while let last = text.last, last == " " || last == "\t" { text.removeLast() }
        return text
    }
}
