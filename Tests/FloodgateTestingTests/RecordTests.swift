// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateTesting
import Testing

@Suite("Records", .timeLimit(.minutes(5))) struct RecordTests {
    let flags = FloodgateFixture()
    let ann = FloodgateUser(userID: "ann", email: "ann@example.com", privateAttributes: ["secret": 1])

    @Test(arguments: [false, true]) func `hold what was logged, in order`(isInitialized: Bool) async {
        if isInitialized { await flags.client.initialize() }
        flags.setGate("gate", to: true)
        flags.setLayer("layer", to: ["rows": 4])
        _ = flags.client.checkGate("gate", for: ann)
        flags.client.logEvent("purchase", for: ann, value: 49.9, metadata: ["currency": "EUR"])
        _ = flags.client.dynamicConfig("config", for: ann)
        _ = flags.client.layer("layer", for: ann).int("rows", default: 1)
        flags.client.logGateExposure("other", for: ann)

        let exposures = await flags.exposures()
        #expect(exposures.map(\.name) == ["gate", "config", "layer", "other"])
        #expect(exposures.map(\.kind) == [.gate(value: true), .config, .layer(parameter: "rows"), .gate(value: false)])
        #expect(exposures.map(\.isManual) == [false, false, false, true])
        #expect(exposures.allSatisfy { $0.unitID == "ann" && $0.time == ManualClock.defaultStart })
        #expect(exposures[0].ruleID == "override")
        #expect(exposures[0].reason == "LocalOverride:Recognized")
        #expect(exposures[1].reason == "Network:Unrecognized")
        #expect(exposures[0].user["email"] == "ann@example.com")
        #expect(exposures[0].user["privateAttributes"] == nil)

        let events = await flags.events()
        #expect(events.map(\.name) == ["purchase"])
        #expect(events[0].value == 49.9)
        #expect(events[0].metadata == ["currency": "EUR"])
        #expect(events[0].unitID == "ann")
        #expect(await flags.exposures(of: "layer").count == 1)
        #expect(await flags.events(named: "refund").isEmpty)
        if isInitialized { await flags.client.shutdown() }
        #expect(await flags.exposures() == exposures)
    }

    @Test func `leave out what a check was told not to log`() async {
        _ = flags.client.checkGate("gate", for: ann, options: .withoutExposure)
        #expect(await flags.exposures().isEmpty)
        #expect(await flags.events().isEmpty)
    }

    @Test func `are forgotten when asked`() async {
        _ = flags.client.checkGate("gate", for: ann)
        await flags.forgetRecords()
        _ = flags.client.checkGate("other", for: ann)
        #expect(await flags.exposures().map(\.name) == ["other"])
    }

    @Test func `can be waited for`() async {
        await withTaskGroup { group in
            group.addTask {
                try? await Task.sleep(for: .milliseconds(20))
                _ = flags.client.checkGate("gate", for: ann)
                flags.client.logEvent("done", for: ann)
            }
            #expect(await flags.firstExposure(of: "gate", within: .seconds(20))?.unitID == "ann")
            #expect(await flags.firstEvent(named: "done", within: .seconds(20))?.unitID == "ann")
        }
        #expect(await flags.firstExposure(of: "none", within: .zero) == nil)
    }

    @Test func `hold thousands in order`() async {
        await flags.client.initialize()
        for index in 0..<5_000 { flags.client.logEvent("e", for: ann, value: .integer(index)) }
        #expect(await flags.events().compactMap(\.value?.integerValue) == Array(0..<5_000))
        await flags.client.shutdown()
    }

    @Test func `of two fixtures do not mix`() async {
        let other = FloodgateFixture()
        _ = flags.client.checkGate("one", for: ann)
        _ = other.client.checkGate("two", for: ann)
        #expect(await flags.exposures().map(\.name) == ["one"])
        #expect(await other.exposures().map(\.name) == ["two"])
    }
}
