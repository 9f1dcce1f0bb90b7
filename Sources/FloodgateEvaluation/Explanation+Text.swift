// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

extension Explanation {
    /// The explanation as lines for people: a tree with ✓ and ✗ at each rule and condition.
    ///
    /// Long values are shortened; text from the document and the user stands as JSON, so that no character of it can
    /// disturb a terminal.
    public var text: String {
        var tree = TraceText()
        tree.line("\(kind.words) \(TraceText.name(name)) = \(TraceText.value(value))\(reason)")
        tree.indented { tree in
            tree.line("user \(TraceText.value(json["user"]))")
            if let environment { tree.line("environment \(TraceText.value(.object(environment)))") }
            var when = "evaluated at \(Timestamps.text(ofMilliseconds: time))"
            if let time = details?.time {
                when += ", specs of \(Timestamps.text(ofMilliseconds: Int64(clamping: time)))"
            }
            tree.line(when)
            let others = knownAs.filter { $0 != kind }
            if !others.isEmpty {
                tree.line(
                    "the name is also that of \(others.map { "\($0 == .experiment ? "an" : "a") \($0.words)" }.joined(separator: ", "))"
                )
            }
        }
        tree.line("")
        if let trace { tree.body(of: trace) }
        if case .parameterStore(let parameters) = answer { tree.parameters(parameters) }
        return tree.lines.joined(separator: "\n")
    }

    private var reason: String {
        var parts: [String] = []
        switch answer {
        case .gate(let gate): parts.append(ruleText(gate.ruleID))
        case .dynamicConfig(let config), .experiment(let config):
            parts.append(ruleText(config.ruleID))
            if let group = config.groupName { parts.append("group \(TraceText.name(group))") }
        case .layer(let layer):
            parts.append(ruleText(layer.ruleID))
            if let experiment = layer.allocatedExperiment { parts.append("experiment \(TraceText.name(experiment))") }
            if let group = layer.groupName { parts.append("group \(TraceText.name(group))") }
        case .parameterStore(nil): parts.append("there is no such store")
        case .parameterStore: break
        }
        if let reason = details?.reason.wireName { parts.append(reason) }
        parts.removeAll(where: \.isEmpty)
        return parts.isEmpty ? "" : " (\(parts.joined(separator: ", ")))"
    }

    private func ruleText(_ id: String) -> String { id.isEmpty ? "" : "rule \(TraceText.name(id))" }
}

extension Explanation.Kind {
    /// In running text.
    var words: String {
        switch self {
        case .gate: "gate"
        case .dynamicConfig: "dynamic config"
        case .experiment: "experiment"
        case .layer: "layer"
        case .parameterStore: "parameter store"
        }
    }
}
