// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateJSON
import FloodgateSpecs

/// Every user gets an answer for every entity, and travels unharmed but for the private attributes.
enum UserTarget {
    private static let document = RichDocument.document
    private static let names = Answers.Names(document)
    private static let evaluator = Evaluator(
        try? Ruleset(compiling: document, receivedAt: 0),
        from: .network,
        surroundings: Answers.surroundings
    )

    static func fault(in bytes: [UInt8]) -> String? {
        guard evaluator.ruleset != nil else { return "the document does not compile" }
        guard let json = try? JSONValue(parsing: bytes) else { return nil }
        let user = FloodgateUser(json: json)
        var visible = user
        visible.privateAttributes = JSONObject()
        guard FloodgateUser(json: .object(user.wireObject(environment: nil))) == visible else {
            return "the user is another after travelling"
        }
        return stickyFault(json, user)
            ?? Answers.fault(of: evaluator, names, for: [user], variant: bytes.count)
    }

    /// The same JSON as what is kept for the user.
    private static func stickyFault(_ json: JSONValue, _ user: FloodgateUser) -> String? {
        let kept = StickyAssignments(json: json.objectValue ?? JSONObject())
        let stored = StickyAssignments(json: kept.json)
        guard kept.names == stored.names, StickyAssignments(json: stored.json) == stored else {
            return "what is kept is another after travelling"
        }
        var request = StickyRequest(kept)
        request.enforcesTargeting = true
        request.enforcesOverrides = kept.names.count.isMultiple(of: 2)
        for name in names.configs { _ = evaluator.experiment(name, for: user, sticky: request) }
        for name in names.layers { _ = evaluator.layer(name, for: user, sticky: request) }
        return nil
    }
}
