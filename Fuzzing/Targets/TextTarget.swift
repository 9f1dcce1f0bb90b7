// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation

/// Texts that the evaluator takes apart: whatever they are, they are read as something or nothing.
enum TextTarget {
    static func fault(in bytes: [UInt8]) -> String? {
        let parts = bytes.split(separator: 0, maxSplits: 1, omittingEmptySubsequences: false)
        let left = String(decoding: parts[0], as: UTF8.self)
        let right = parts.count > 1 ? String(decoding: parts[1], as: UTF8.self) : ""
        var list = IDList()
        list.apply(lines: bytes)
        for hash in NameHash.allCases { _ = hash(left) }
        return agentFault(left) ?? addressFault(left) ?? numberFault(left) ?? timeFault(left)
            ?? versionFault(left, right) ?? lowerCaseFault(left)
    }

    private static func agentFault(_ text: String) -> String? {
        let agent = UserAgent(text)
        guard (agent != nil) == (text.utf8.count <= UserAgent.maximumBytes) else { return "the agent's length" }
        guard let agent else { return nil }
        return agent.osName.isEmpty || agent.browserName.isEmpty ? "an agent without a name" : nil
    }

    private static func addressFault(_ text: String) -> String? {
        guard let country = CountryTable.country(ofIPv4Text: text) else { return nil }
        return country.utf8.count == 2 ? nil : "country \(country)"
    }

    private static func numberFault(_ text: String) -> String? {
        if NumberText.integer(text) != nil, NumberText.double(text) == nil { return "an integer that is no number" }
        guard let number = NumberText.double(text), !number.isNaN else { return nil }
        let written = NumberText.decimal(number)
        return NumberText.double(written) == number ? nil : "\(number) is written as \(written)"
    }

    private static func timeFault(_ text: String) -> String? {
        guard let time = Timestamps.milliseconds(fromUserText: text) else { return nil }
        return Timestamps.milliseconds(fromTargetText: text) == time ? nil : "a target is another time than a user's"
    }

    private static func versionFault(_ left: String, _ right: String) -> String? {
        let order = Version.compare(left, Version.Compiled(right))
        guard Version.compare(right, Version.Compiled(left)) == order.map({ -$0 }) else { return "versions are skewed" }
        return (Version.compare(left, Version.Compiled(left)) ?? 0) == 0 ? nil : "a version differs from itself"
    }

    private static func lowerCaseFault(_ text: String) -> String? {
        let lowered = text.rustLowercased()
        return Array(lowered.rustLowercased().utf8) == Array(lowered.utf8) ? nil : "lower case is not stable"
    }
}
