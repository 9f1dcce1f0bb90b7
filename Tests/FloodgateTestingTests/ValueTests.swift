// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateTesting
import Testing

@Suite("Fixed values", .timeLimit(.minutes(5))) struct ValueTests {
    let flags = FloodgateFixture()
    let ann = FloodgateUser(userID: "ann")
    let bob = FloodgateUser(userID: "bob", customIDs: ["companyID": "acme"])

    @Test func `are defaults until they are set`() {
        #expect(flags.client.isReady)
        #expect(!flags.client.checkGate("gate", for: ann))
        #expect(flags.client.dynamicConfig("config", for: ann).int("size", default: 7) == 7)
        #expect(flags.client.experiment("experiment", for: ann).string("title", default: "x") == "x")
        #expect(flags.client.layer("layer", for: ann).bool("flag", default: true))
        #expect(flags.client.parameterStore("store", for: ann).int("limit", default: 1) == 1)
    }

    @Test func `hold for everyone, for a user, for a custom ID`() {
        flags.setGate("gate", to: true)
        flags.setGate("gate", to: false, forID: "ann")
        #expect(!flags.client.checkGate("gate", for: ann))
        #expect(flags.client.checkGate("gate", for: bob))
        flags.setGate("gate", to: false, forID: "acme")
        #expect(!flags.client.checkGate("gate", for: bob))
        flags.removeAllValues()
        #expect(!flags.client.checkGate("gate", for: FloodgateUser(userID: "eve")))
    }

    @Test func `are there for every kind`() {
        flags.setDynamicConfig("config", to: ["size": 20])
        flags.setExperiment("experiment", to: ["title": "Pay now"], forID: "ann")
        flags.setLayer("layer", to: ["flag": false])
        flags.setParameterStore("store", to: ["limit": 3])
        #expect(flags.client.dynamicConfig("config", for: ann).int("size", default: 7) == 20)
        #expect(flags.client.experiment("experiment", for: ann).string("title", default: "x") == "Pay now")
        #expect(flags.client.experiment("experiment", for: bob).string("title", default: "x") == "x")
        #expect(!flags.client.layer("layer", for: ann).bool("flag", default: true))
        #expect(flags.client.parameterStore("store", for: ann).int("limit", default: 1) == 3)
    }

    @Test func `come from a document built here`() {
        var document = TestDocument()
        document.gates = ["on": .on, "off": .off, "some": .forUsers(["ann"])]
        document.dynamicConfigs["config"] = ["size": 20]
        document.layers["layer"] = ["flag": true]
        document.experiments["experiment"] = TestDocument.Experiment(
            groups: ["Control": ["title": "Buy"], "Treatment": ["title": "Pay now"]],
            assigned: ["ann": "Treatment", "bob": "Control"],
            defaults: ["title": "none"]
        )
        let client = FloodgateFixture(document).client
        #expect(client.gateNames.sorted() == ["off", "on", "some"])
        #expect(client.checkGate("on", for: bob))
        #expect(!client.checkGate("off", for: bob))
        #expect(client.checkGate("some", for: ann))
        #expect(!client.checkGate("some", for: bob))
        #expect(client.dynamicConfig("config", for: ann).int("size", default: 7) == 20)
        #expect(client.layer("layer", for: ann).bool("flag", default: false))
        let experiment = client.experiment("experiment", for: ann)
        #expect(experiment.groupName == "Treatment")
        #expect(experiment.isActive && experiment.isUserInExperiment)
        #expect(experiment.string("title", default: "") == "Pay now")
        #expect(client.experiment("experiment", for: bob).groupName == "Control")
        let eve = client.experiment("experiment", for: FloodgateUser(userID: "eve"))
        #expect(eve.groupName == nil)
        #expect(eve.string("title", default: "") == "none")
    }

    @Test func `put a user into a group of the document's experiment`() {
        var document = TestDocument()
        document.experiments["experiment"] = TestDocument.Experiment(
            groups: ["Control": ["title": "Buy"], "Treatment": ["title": "Pay now"]]
        )
        let flags = FloodgateFixture(document)
        flags.setExperiment("experiment", toGroup: "Treatment", forID: "ann")
        #expect(flags.client.experiment("experiment", for: ann).string("title", default: "") == "Pay now")
        #expect(flags.client.experiment("experiment", for: bob).string("title", default: "") == "")
    }

    @Test func `win over the document`() {
        var document = TestDocument()
        document.gates["gate"] = .on
        let flags = FloodgateFixture(document)
        flags.setGate("gate", to: false, forID: "ann")
        #expect(!flags.client.checkGate("gate", for: ann))
        #expect(flags.client.checkGate("gate", for: bob))
    }

    @Test func `come from bytes, which are refused if they do not read`() throws {
        var document = TestDocument()
        document.gates["gate"] = .on
        let flags = try FloodgateFixture(document: document.bytes(time: 17))
        #expect(flags.client.checkGate("gate", for: ann))
        #expect(flags.client.specsStatus.time == 17)
        #expect(throws: ClientError.self) { try FloodgateFixture(document: Array("<html>".utf8)) }
    }

    @Test func `keep the options that matter, and never lead to network or disk`() async {
        var options = FloodgateClient.Options()
        options.environment = "staging"
        options.server = "http://127.0.0.1:1"
        options.file = "/nowhere/document.json"
        options.cacheFolder = "/nowhere"
        options.spillsEvents = true
        options.streaming = true
        options.disableNetwork = true
        let flags = FloodgateFixture(options: options)
        let details = await flags.client.initialize()
        #expect(details.isSuccess && details.isReady && details.failure == nil)
        _ = flags.client.checkGate("gate", for: ann)
        #expect(await flags.exposures().first?.user["statsigEnvironment"] == ["tier": "staging"])
        await flags.client.shutdown()
    }
}
