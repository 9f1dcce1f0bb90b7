// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateEvents
import FloodgateJSON
import FloodgateSpecs

// A program on the core alone. The linkage test looks at what it needs at run time; running it proves that it links.
let text = #"{"has_updates":true,"time":1,"feature_gates":{},"dynamic_configs":{},"layer_configs":{},"#
let json = try JSONValue(parsing: text + #""condition_map":{},"experiment_to_layer":{}}"#)
if let document = try SpecDocument.read(json) {
    let ruleset = try Ruleset(compiling: document, receivedAt: 0)
    let evaluator = Evaluator(ruleset, from: .bootstrap, surroundings: Surroundings(now: { 0 }))
    let evaluation = evaluator.gate("none", for: FloodgateUser(userID: "u"))
    print(evaluation.details.reason.wireName, Event.self)
}
