// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateJSON
import FloodgateSpecs
import FuzzTargets
import Testing

/// What the limits say no to, and what is still answered right below them.
@Suite("Limits of documents") struct LimitTests {
    private func evaluator(_ json: JSONValue) throws -> Evaluator {
        let document = try #require(try SpecDocument.read(json.bytes))
        #expect(document.dropped.isEmpty)
        return Evaluator(
            try Ruleset(compiling: document, receivedAt: 0),
            from: .network,
            surroundings: Surroundings(now: { 0 })
        )
    }

    private func isGivenUp(_ details: EvaluationDetails) -> Bool {
        guard case .error(let message) = details.reason else { return false }
        return !message.isEmpty
    }

    private let user = FloodgateUser(userID: "user")

    private func document(_ value: String) -> [UInt8] {
        Array("{\"has_updates\":true,\"time\":1,\"feature_gates\":[],\"future\":\(value)}".utf8)
    }

    @Test func `128 levels are read, one more is refused`() throws {
        let opening = String(repeating: "[", count: 127)
        let closing = String(repeating: "]", count: 127)
        #expect(try SpecDocument.read(document(opening + closing)) != nil)
        let error = #expect(throws: SpecError.self) { try SpecDocument.read(document("[" + opening + closing + "]")) }
        #expect(error?.code == .notJSON)
        #expect(error?.message.contains("deeper than 128") == true)
        #expect(throws: SpecError.self) { try SpecDocument.read(document(String(repeating: "[", count: 1 << 20))) }
    }

    @Test func `a byte more than allowed is refused`() throws {
        let bytes = document("1")
        #expect(try SpecDocument.read(bytes, limits: JSONLimits(sizeBytes: bytes.count)) != nil)
        let error = #expect(throws: SpecError.self) {
            try SpecDocument.read(bytes, limits: JSONLimits(sizeBytes: bytes.count - 1))
        }
        #expect(error?.message.contains("at most \(bytes.count - 1)") == true)
    }

    @Test func `gates in a circle answer false, with the reason`() throws {
        let evaluator = try evaluator(Traps.gatesInACircle)
        for name in ["a", "b"] {
            let gate = evaluator.gate(name, for: user)
            #expect(!gate.value)
            #expect(isGivenUp(gate.details), "\(gate.details)")
        }
    }

    @Test func `a chain of 65 gates is followed, a longer one given up`() throws {
        let evaluator = try evaluator(Traps.chain)
        // The last one asks for an unknown gate, which counts as one of the chain.
        #expect(isGivenUp(evaluator.gate("g35", for: user).details))
        #expect(!isGivenUp(evaluator.gate("g36", for: user).details))
    }

    @Test func `exposures that double with every gate are given up at 65,536`() throws {
        let evaluator = try evaluator(Traps.doublings)
        #expect(isGivenUp(evaluator.gate("g0", for: user).details))
        let gate = evaluator.gate("g30", for: user)
        #expect(!isGivenUp(gate.details))
        #expect(gate.secondaryExposures.count < 65_536)
    }

    @Test func `delegations in a circle answer nothing, with the reason`() throws {
        let evaluator = try evaluator(Traps.delegationsInACircle)
        for name in ["a", "b"] { #expect(isGivenUp(evaluator.experiment(name, for: user).details)) }
        #expect(isGivenUp(evaluator.layer("l", for: user).details))
    }

    @Test func `groups and config mappings in a circle come to an end`() throws {
        let groups = try evaluator(Traps.groupsInACircle)
        _ = groups.gate("g", for: user)
        _ = groups.experiment("e", for: user)
        let mappings = try evaluator(Traps.mappingsInACircle)
        #expect(isGivenUp(mappings.dynamicConfig("a", for: user).details))
        #expect(isGivenUp(mappings.dynamicConfig("b", for: user).details))
    }
}
