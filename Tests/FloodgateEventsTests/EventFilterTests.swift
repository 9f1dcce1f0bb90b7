// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateJSON
import Testing

@Suite("Event filter") struct EventFilterTests {
    private let gate = Event(
        name: "statsig::gate_exposure",
        time: 1,
        user: ["userID": "u-1"],
        metadata: [
            "gate": "new_checkout", "gateValue": "true", "ruleID": "r 1", "reason": "Network:Unrecognized",
        ]
    )
    private let custom = Event(name: "purchase", time: 1, user: ["customIDs": ["companyID": "c9"]], value: 9.5)

    private func shows(_ text: String, _ event: Event) throws -> Bool {
        try EventFilter(text).shows(event, environment: "production", keyKind: "server")
    }

    @Test(arguments: [
        "", "   ", "gate=new_checkout", "name=new_checkout", "gate~CHECK", "unit=u-1", "rule=\"r 1\"", "\"rule=r 1\"",
        "value=true", "reason~unrecognized", "kind=gate key=server environment=production", "checkout", "U-1",
        "event!=purchase", "gate!=other unit!=u-2",
    ])
    func `shows an exposure where all terms hold`(text: String) throws {
        #expect(try shows(text, gate))
    }

    @Test(arguments: [
        "gate=new", "config=new_checkout", "layer~checkout", "event~checkout", "unit=u", "rule=r", "value=false",
        "kind=custom",
        "key=client", "environment=staging", "gate=new_checkout unit=u-2", "gate!=new_checkout", "nothing", "gate=",
    ])
    func `hides an exposure where one term does not hold`(text: String) throws {
        #expect(try !shows(text, gate))
    }

    @Test func `reads events of the application too`() throws {
        #expect(try shows("event=purchase value=9.5 unit=c9 kind=custom", custom))
        #expect(try !shows("reason~Network", custom))
        #expect(try shows("reason!=Network", custom))
        #expect(try !shows("gate~purchase", custom))
    }

    @Test(arguments: ["gate!checkout", "colour=red", "=x", "unit=\"u 1", String(repeating: "x", count: 1_001)])
    func `says what is wrong with a text that is none`(text: String) {
        let mistake = #expect(throws: EventFilter.Mistake.self) { try EventFilter(text) }
        #expect(mistake?.description.isEmpty == false)
    }
}
