// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateTesting
import Hummingbird
import HummingbirdService
import HummingbirdTesting
import Logging
import Testing

/// How a team would test its own service, here the one in Examples.
@Suite("The shop", .timeLimit(.minutes(5))) struct HummingbirdServiceTests {
    let flags = FloodgateFixture()

    private func checkout(for user: String) async throws -> String {
        let shop = makeApplication(flags: flags.client, port: 0, logger: Logger(label: "test"))
        return try await shop.test(.router) { client in
            try await client.execute(uri: "/checkout?user=\(user)", method: .get) { String(buffer: $0.body) }
        }
    }

    @Test func `shows the old checkout while the gate is closed`() async throws {
        #expect(try await checkout(for: "u-1") == "The checkout that you know")
    }

    @Test func `shows the new checkout to whom the gate is open, with the experiment's title`() async throws {
        flags.setGate("new_checkout", to: true, forID: "u-1")
        flags.setExperiment("checkout_copy", to: ["title": "Pay now"])
        #expect(try await checkout(for: "u-1") == "The new checkout: Pay now")
        #expect(await flags.exposures().map(\.name) == ["new_checkout", "checkout_copy"])
        #expect(await flags.exposures().map(\.unitID) == ["u-1", "u-1"])
    }

    @Test func `starts and ends the client with the server`() async throws {
        flags.setGate("new_checkout", to: true)
        let shop = makeApplication(flags: flags.client, port: 0, logger: Logger(label: "test"))
        try await shop.test(.live) { client in
            #expect(flags.client.isInitialized)
            try await client.execute(uri: "/checkout", method: .get) { #expect($0.status == .ok) }
        }
        #expect(!flags.client.isInitialized)
        #expect(flags.client.eventStatistics.sent == 2)
    }
}
