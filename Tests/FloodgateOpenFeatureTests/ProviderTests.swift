// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateOpenFeature
import FloodgateTestSupport
import FloodgateTesting
import Testing

/// Rows OFP of the checklist.
@Suite("The OpenFeature provider", .timeLimit(.minutes(5))) struct ProviderTests {
    let ann = EvaluationContext(targetingKey: "ann")
    let bob = EvaluationContext(targetingKey: "bob")

    private var document: TestDocument {
        var document = TestDocument()
        document.gates = ["on": .on, "off": .off, "some": .forUsers(["ann"])]
        document.dynamicConfigs["config"] = [
            "size": 20, "ratio": 0.5, "title": "Hello", "isNew": true, "box": ["w": 1],
        ]
        document.layers["layer"] = ["rows": 4, "copy": "long"]
        document.experiments["experiment"] = TestDocument.Experiment(
            groups: ["Control": ["title": "Buy"], "Treatment": ["title": "Pay now"]],
            assigned: ["ann": "Treatment"],
            defaults: ["title": "none"]
        )
        return document
    }

    /// A provider over a fixture's client, initialised.
    private func ready() async -> (flags: FloodgateFixture, provider: any FeatureProvider) {
        let flags = FloodgateFixture(document)
        let provider = FloodgateProvider(flags.client)
        #expect(await provider.initialize() == nil)
        return (flags, provider)
    }

    @Test(.rows("OFP-01")) func `resolves a gate as a boolean, with reason and variant, and logs it`() async {
        let (flags, provider) = await ready()
        #expect(provider.metadata.name == "floodgate")
        let on = provider.resolve("on", default: false, context: ann)
        #expect(on.value)
        #expect(on.variant == "on")
        #expect(on.reason == .fixed)
        #expect(on.flagMetadata["ruleID"] == "on:on")
        #expect(on.flagMetadata["lcut"] == .integer(ManualClock.defaultStart))
        #expect(on.error == nil)
        let some = provider.resolve("some", default: false, context: ann)
        #expect(some.value && some.variant == "on" && some.reason == .targetingMatch)
        let off = provider.resolve("off", default: true, context: ann)
        #expect(!off.value && off.variant == "off" && off.reason == .default)
        #expect(await flags.exposures().map(\.name) == ["on", "some", "off"])
        #expect(await flags.exposures().map(\.unitID) == ["ann", "ann", "ann"])
        await provider.shutdown()
    }

    @Test(.rows("OFP-02")) func `resolves configs, experiments and layers as objects, and their parameters`() async {
        let (flags, provider) = await ready()
        let config = provider.resolve("config", default: [:], context: ann)
        #expect(config.value["size"] == 20 && config.value["box"] == ["w": 1])
        #expect(provider.resolve("config.size", default: 1, context: ann).value == 20)
        #expect(provider.resolve("config.size", default: 1.5, context: ann).value == 20.0)
        #expect(provider.resolve("config.ratio", default: 1.5, context: ann).value == 0.5)
        #expect(provider.resolve("config.title", default: "x", context: ann).value == "Hello")
        #expect(provider.resolve("config.isNew", default: false, context: ann).value)
        #expect(provider.resolve("config.box", default: [:], context: ann).value == ["w": 1])
        let experiment = provider.resolve("experiment.title", default: "x", context: ann)
        #expect(experiment.value == "Pay now")
        #expect(experiment.variant == "Treatment")
        #expect(experiment.reason == .split)
        #expect(provider.resolve("experiment", default: [:], context: bob).value == ["title": "none"])
        #expect(provider.resolve("layer.rows", default: 0, context: bob).value == 4)
        #expect(await flags.exposures(of: "layer").map(\.kind) == [.layer(parameter: "rows")])
        #expect(provider.resolve("layer", default: [:], context: ann).value == ["rows": 4, "copy": "long"])
        #expect(await flags.exposures(of: "layer").count == 3)
        #expect(await flags.exposures(of: "experiment").count == 2)
        await provider.shutdown()
    }

    @Test(.rows("OFP-03")) func `gives the default for an unknown flag, and logs nothing`() async {
        let (flags, provider) = await ready()
        let details = provider.resolve("missing", default: true, context: ann)
        #expect(details.value)
        #expect(details.errorCode == .flagNotFound)
        #expect(details.errorCode?.rawValue == "FLAG_NOT_FOUND")
        #expect(details.reason == .error && details.variant == nil && details.errorMessage != nil)
        #expect(provider.resolve("config.missing", default: "x", context: ann).value == "x")
        #expect(provider.resolve("config.missing", default: "x", context: ann).errorCode == .flagNotFound)
        #expect(await flags.exposures().isEmpty)
        await provider.shutdown()
    }

    @Test(.rows("OFP-04")) func `gives the default for a flag of another type, and logs nothing`() async {
        let (flags, provider) = await ready()
        let text = provider.resolve("on", default: "x", context: ann)
        #expect(text.value == "x" && text.errorCode == .typeMismatch && text.reason == .error)
        let whole = provider.resolve("config.ratio", default: 7, context: ann)
        #expect(whole.value == 7 && whole.errorCode == .typeMismatch)
        #expect(provider.resolve("on", default: ["a": 1], context: ann).errorCode == .typeMismatch)
        #expect(provider.resolve("config", default: true, context: ann).errorCode == .typeMismatch)
        #expect(await flags.exposures().isEmpty)
        await provider.shutdown()
    }

    @Test(.rows("OFP-05")) func `takes the targeting key for the user ID`() async {
        let (flags, provider) = await ready()
        #expect(provider.resolve("some", default: false, context: ann).value)
        #expect(!provider.resolve("some", default: true, context: bob).value)
        #expect(!provider.resolve("some", default: true, context: EvaluationContext()).value)
        #expect(await flags.exposures().map(\.unitID) == ["ann", "bob", nil])
        let broken = EvaluationContext(targetingKey: "ann", attributes: ["email": ["a"]])
        #expect(provider.resolve("some", default: false, context: broken).errorCode == .invalidContext)
        await provider.shutdown()
    }

    @Test func `adds the context of its start to all others`() async {
        let flags = FloodgateFixture(document)
        let provider = FloodgateProvider(flags.client)
        await provider.initialize(EvaluationContext(targetingKey: "ann", attributes: ["country": "CH"]))
        #expect(provider.resolve("some", default: false, context: EvaluationContext()).value)
        #expect(!provider.resolve("some", default: true, context: bob).value)
        #expect(await flags.exposures().map { $0.user["country"] } == ["CH", "CH"])
        await provider.shutdown()
    }

    @Test(.rows("OFP-06")) func `gives defaults before it is ready, and where there are no specs`() async {
        let flags = FloodgateFixture.unreachable()
        let provider = FloodgateProvider(flags.client)
        var events = provider.events().makeAsyncIterator()
        #expect(provider.status == .notReady)
        let early = provider.resolve("on", default: true, context: ann)
        #expect(early.value && early.errorCode == .providerNotReady && early.reason == .error)
        let error = await provider.initialize()
        #expect(error?.code == .providerNotReady)
        #expect(provider.status == .error)
        #expect(provider.resolve("on", default: true, context: ann).errorCode == .providerNotReady)
        guard case .error? = await events.next() else { return #expect(Bool(false), "no event of the error") }

        flags.publish(document)
        flags.reconnect()
        await flags.clock.advance(by: .seconds(10))
        #expect(provider.resolve("on", default: false, context: ann).value)
        #expect(provider.status == .ready)
        #expect(await events.next() == .ready)
        await provider.shutdown()
    }

    @Test(.rows("OFP-07")) func `sends what waits and stops the client when it is shut down`() async {
        let (flags, provider) = await ready()
        _ = provider.resolve("on", default: false, context: ann)
        #expect(flags.client.eventStatistics.sent == 0)
        await provider.shutdown()
        #expect(flags.client.eventStatistics.sent == 1)
        #expect(!flags.client.isInitialized)
        #expect(provider.status == .notReady)
        let late = provider.resolve("on", default: false, context: ann)
        #expect(!late.value && late.errorCode == .providerNotReady)
        #expect(await provider.initialize() == nil)
        #expect(provider.resolve("on", default: false, context: ann).value)
        await provider.shutdown()
    }

    @Test(.rows("OFP-08")) func `tells of its start and of changed specs, once each`() async {
        let flags = FloodgateFixture(document)
        let provider = FloodgateProvider(flags.client)
        var events = provider.events().makeAsyncIterator()
        await provider.initialize()
        #expect(await events.next() == .ready)
        var newer = document
        for gate in [TestDocument.Gate.off, .on] {
            newer.gates["on"] = gate
            flags.publish(newer)
            await flags.clock.advance(by: .seconds(10))
            // The client tells by itself; nobody resolves a flag.
            #expect(await events.next() == .configurationChanged)
        }
        #expect(provider.resolve("on", default: false, context: ann).value)
        await provider.shutdown()
        await provider.initialize()
        #expect(await events.next() == .ready)
        await provider.shutdown()
    }

    @Test func `says when its specs are stale, and when they are not any longer`() async {
        let flags = FloodgateFixture(document)
        let provider = FloodgateProvider(flags.client)
        var events = provider.events().makeAsyncIterator()
        await provider.initialize()
        #expect(await events.next() == .ready)
        flags.disconnect()
        await flags.clock.advance(by: .seconds(299))
        #expect(provider.resolve("some", default: false, context: ann).reason == .targetingMatch)
        await flags.clock.advance(by: .seconds(60))
        let stale = provider.resolve("some", default: false, context: ann)
        #expect(stale.value && stale.reason == .stale && stale.variant == "on" && stale.error == nil)
        #expect(provider.resolve("missing", default: false, context: ann).reason == .error)
        #expect(provider.status == .stale)
        guard case .stale(let age)? = await events.next() else { return #expect(Bool(false), "no event") }
        #expect(age > .seconds(300))
        flags.reconnect()
        await flags.clock.advance(by: .seconds(30))
        #expect(provider.status == .ready)
        #expect(await events.next() == .ready)
        await provider.shutdown()
    }

    @Test func `never counts specs as stale where it is told so, or where nobody is asked`() async {
        let flags = FloodgateFixture(document)
        var options = FloodgateProvider.Options()
        options.staleAfter = nil
        let provider = FloodgateProvider(flags.client, options: options)
        await provider.initialize()
        flags.disconnect()
        await flags.clock.advance(by: .seconds(900))
        #expect(provider.status == .ready)
        await provider.shutdown()

        var offline = FloodgateClient.Options()
        offline.bootstrap = document.bytes(time: 1)
        offline.disableNetwork = true
        options.staleAfter = .zero
        let fixed = FloodgateProvider(FloodgateClient(key: "secret-x", options: offline), options: options)
        #expect(await fixed.initialize() == nil)
        #expect(fixed.status == .ready)
        #expect(fixed.resolve("on", default: false, context: ann).value)
        await fixed.shutdown()
    }

    @Test func `resolves what a test fixes`() async {
        let flags = FloodgateFixture()
        let provider = FloodgateProvider(flags.client)
        await provider.initialize()
        flags.setGate("new", to: true, forID: "ann")
        flags.setExperiment("copy", to: ["title": "Pay now"])
        let gate = provider.resolve("new", default: false, context: ann)
        #expect(gate.value && gate.reason == .fixed)
        #expect(provider.resolve("new", default: false, context: bob).errorCode == .flagNotFound)
        #expect(provider.resolve("copy.title", default: "", context: bob).value == "Pay now")
        await provider.shutdown()
    }

    @Test func `heeds what the application keeps`() async {
        let store = InMemoryStickyStore()
        var options = FloodgateClient.Options()
        options.stickyStore = store
        let flags = FloodgateFixture(document, options: options)
        let provider = FloodgateProvider(flags.client)
        await provider.initialize()
        #expect(provider.resolve("experiment.title", default: "", context: ann).reason == .split)
        var newer = document
        newer.experiments["experiment"]?.assigned = ["ann": "Control"]
        flags.publish(newer)
        await flags.clock.advance(by: .seconds(10))
        let kept = provider.resolve("experiment.title", default: "", context: ann)
        #expect(kept.value == "Pay now")
        #expect(kept.variant == "Treatment")
        #expect(kept.reason == .cached)
        await provider.shutdown()
    }

    @Test func `tracks events`() async {
        let (flags, provider) = await ready()
        provider.track("purchase", context: ann, value: 49.9, attributes: ["currency": "EUR", "items": 2])
        provider.track("visit", context: bob)
        let events = await flags.events()
        #expect(events.map(\.name) == ["purchase", "visit"])
        #expect(events.first?.value == 49.9)
        #expect(events.first?.metadata == ["currency": "EUR", "items": "2"])
        #expect(events.last?.unitID == "bob")
        await provider.shutdown()
    }

    @Test func `ends its streams of events when it goes`() async {
        let flags = FloodgateFixture(document)
        var provider: FloodgateProvider? = FloodgateProvider(flags.client)
        let events = provider?.events()
        provider = nil
        var iterator = events?.makeAsyncIterator()
        #expect(await iterator?.next() == nil)
    }
}
