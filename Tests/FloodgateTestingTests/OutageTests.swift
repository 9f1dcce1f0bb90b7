// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateTesting
import Testing

@Suite("A server out of reach", .timeLimit(.minutes(5))) struct OutageTests {
    let ann = FloodgateUser(userID: "ann")

    private var document: TestDocument {
        var document = TestDocument()
        document.gates["gate"] = .on
        return document
    }

    @Test func `makes the start fail, with defaults and their reasons`() async {
        let flags = FloodgateFixture.unreachable()
        #expect(flags.client.gate("gate", for: ann).details.reason == .noSpecs(.uninitialized))
        let details = await flags.client.initialize()
        #expect(details.isSuccess && !details.isReady)
        #expect(details.source == .noValues)
        #expect(details.failure?.code == .network)
        #expect(!flags.client.isReady)
        let gate = flags.client.gate("gate", for: ann)
        #expect(!gate.value)
        #expect(gate.details.reason.wireName == "NoValues")
        #expect(flags.client.experiment("experiment", for: ann).string("title", default: "Buy") == "Buy")
        #expect(flags.client.specsStatus.age == nil)
        flags.setGate("gate", to: true)
        #expect(flags.client.checkGate("gate", for: ann))
        #expect(await flags.exposures(of: "gate").map(\.reason).last == "LocalOverride:Recognized")
        await flags.client.shutdown()
    }

    @Test func `comes back with the next poll`() async {
        let flags = FloodgateFixture.unreachable()
        flags.publish(document)
        await flags.client.initialize()
        await flags.clock.advance(by: .seconds(60))
        #expect(!flags.client.isReady)
        flags.reconnect()
        await flags.clock.advance(by: .seconds(10))
        #expect(flags.client.isReady)
        #expect(flags.client.checkGate("gate", for: ann))
        await flags.client.shutdown()
    }

    @Test func `lets the document grow old`() async throws {
        let flags = FloodgateFixture(document)
        await flags.client.initialize()
        await flags.clock.advance(by: .seconds(600))
        #expect(try #require(flags.client.specsStatus.age) <= .seconds(10))
        flags.disconnect()
        await flags.clock.advance(by: .seconds(600))
        #expect(try #require(flags.client.specsStatus.age) >= .seconds(600))
        #expect(flags.client.checkGate("gate", for: ann))
        flags.reconnect()
        await flags.clock.advance(by: .seconds(30))
        #expect(try #require(flags.client.specsStatus.age) <= .seconds(30))
        await flags.client.shutdown()
    }

    @Test func `makes events wait, and hides none from the test`() async {
        let flags = FloodgateFixture(document)
        await flags.client.initialize()
        flags.disconnect()
        flags.client.logEvent("purchase", for: ann)
        await flags.client.flush()
        #expect(flags.client.eventStatistics.sent == 0)
        #expect(flags.client.eventStatistics.waiting == 1)
        #expect(await flags.events().map(\.name) == ["purchase"])
        flags.client.logEvent("refund", for: ann)
        flags.reconnect()
        await flags.client.flush()
        #expect(flags.client.eventStatistics.waiting == 0)
        #expect(await flags.events().map(\.name) == ["purchase", "refund"])
        await flags.client.shutdown()
    }
}
