// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateFlags
import Testing

@Suite("Flags") struct FlagTests {
    let ann = FloodgateUser(userID: "ann")
    let bob = FloodgateUser(userID: "bob")

    private func details(
        _ key: String,
        as type: FlagType? = nil,
        for user: FloodgateUser? = nil
    ) throws -> ResolutionDetails<JSONValue> {
        try FlagDocument.evaluator.flag(key, as: type, for: user ?? ann).details(as: type)
    }

    private func code(_ key: String, as type: FlagType? = nil, on evaluator: Evaluator? = nil) -> FlagError.Code? {
        do throws(FlagError) {
            _ = try (evaluator ?? FlagDocument.evaluator).flag(key, as: type, for: ann).details(as: type)
            return nil
        } catch {
            return error.code
        }
    }

    @Test(arguments: [
        ("open", true, FlagReason.fixed, "r-open"), ("none", false, .default, "r-none"),
        ("forAnn", true, .targetingMatch, "r-ann"), ("nested", true, .targetingMatch, "r-nested"),
        ("empty", false, .default, "default"), ("off", false, .disabled, "disabled"),
    ])
    func `of gates say by which rule`(key: String, value: Bool, reason: FlagReason, ruleID: String) throws {
        let details = try details(key, as: .boolean)
        #expect(details.value == .bool(value))
        #expect(details.variant == (value ? "on" : "off"))
        #expect(details.reason == reason)
        #expect(details.flagMetadata == ["ruleID": .string(ruleID), "version": 3, "lcut": 1_750_000_000_000])
        #expect(details.error == nil && details.errorCode == nil && details.errorMessage == nil)
    }

    @Test func `of a share are split on both sides`() throws {
        let answers = try (0..<40).map { try details("half", for: FloodgateUser(userID: "u\($0)")) }
        #expect(Set(answers.map(\.variant)) == ["on", "off"])
        #expect(answers.allSatisfy { $0.reason == .split && $0.flagMetadata["ruleID"] == "r-half" })
    }

    @Test func `behind a rule for some are no matter of course for the rest`() throws {
        #expect(try details("forAnn", for: bob).reason == .targetingMatch)
        #expect(try details("forAnn", for: bob).flagMetadata["ruleID"] == "r-rest")
    }

    @Test func `of experiments and layers name the group`() throws {
        let experiment = try details("experiment", as: .object)
        let group = try #require(experiment.variant)
        #expect(["Short", "Long"].contains(group))
        #expect(experiment.value == ["copy": .string(group == "Short" ? "short" : "long")])
        #expect(experiment.reason == .split)
        let layer = try details("layer", as: .object)
        #expect(layer.variant == group)
        #expect(layer.reason == .split)
        #expect(layer.value["copy"] == experiment.value["copy"])
        #expect(try details("still", as: .object).reason == .default)
        #expect(try details("still", as: .object).variant == "default")
    }

    @Test func `of parameters go by name, dot and parameter`() throws {
        #expect(try details("config.text", as: .string).value == "hello")
        #expect(try details("config.count", as: .integer).value == 2)
        #expect(try details("config.count", as: .double).value == 2)
        #expect(try details("config.ratio", as: .double).value == 0.5)
        #expect(try details("config.flag", as: .boolean).value == true)
        #expect(try details("config.map", as: .object).value == ["a": 1])
        #expect(try details("still.rows", as: .integer).value == 5)
        #expect(try details("experiment.copy", as: .string).variant == details("experiment").variant)
        // The longest name that has such a parameter.
        #expect(try details("config.a.b").value == "dotted")
        #expect(try details("config.inner.text").value == "inner")
        #expect(try details("config.inner").value == ["text": "inner"])
        let flag = try FlagDocument.evaluator.flag("still.rows", for: ann)
        #expect(flag.parameter == "rows")
    }

    @Test func `of one name are told apart by type, gates first`() throws {
        #expect(try details("open").value == true)
        #expect(try details("open", as: .boolean).value == true)
        #expect(try details("open", as: .object).value == ["is": "config"])
    }

    @Test func `that are not there, or of another type, are errors`() {
        #expect(code("missing") == .flagNotFound)
        #expect(code("config.missing") == .flagNotFound)
        #expect(code("missing.text") == .flagNotFound)
        #expect(code("") == .flagNotFound)
        #expect(code(".") == .flagNotFound)
        #expect(code("config.") == .flagNotFound)
        #expect(code(String(repeating: ".", count: 100_000)) == .flagNotFound)
        #expect(code("open", as: .string) == .typeMismatch)
        #expect(code("forAnn", as: .object) == .typeMismatch)
        #expect(code("config", as: .boolean) == .typeMismatch)
        #expect(code("config.text", as: .boolean) == .typeMismatch)
        #expect(code("config.ratio", as: .integer) == .typeMismatch)
        #expect(code("config.count", as: .string) == .typeMismatch)
        #expect(code("odd") == .parseError)
    }

    @Test func `without specs are not ready, but for what was fixed`() throws {
        var overrides = LocalOverrides()
        overrides.gates.set("fixed", for: nil, to: true)
        overrides.experiments.set("test", for: nil, to: .value(["copy": "x"]))
        var surroundings = Surroundings(now: { 0 })
        surroundings.overrides = overrides
        let bare = Evaluator(nil, from: .noValues, surroundings: surroundings)
        #expect(code("open", on: bare) == .providerNotReady)
        #expect(code("fixed", on: bare) == nil)
        #expect(try bare.flag("test.copy", for: ann).details().value == "x")
    }

    @Test func `that are fixed in the process are static`() throws {
        var overrides = LocalOverrides()
        overrides.gates.set("none", for: "ann", to: true)
        overrides.experiments.set("experiment", for: nil, to: .group("Long"))
        let evaluator = FlagDocument.makeEvaluator(overrides: overrides)
        let gate = try evaluator.flag("none", for: ann).details()
        #expect(gate.value == true)
        #expect(gate.reason == .fixed)
        #expect(gate.flagMetadata["ruleID"] == "override")
        #expect(try evaluator.flag("none", for: bob).details().reason == .default)
        #expect(try evaluator.flag("experiment.copy", for: ann).details().value == "long")
    }
}
