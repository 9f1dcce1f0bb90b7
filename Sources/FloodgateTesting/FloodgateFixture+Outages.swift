// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import Floodgate

/// A server that cannot be reached, to see how the program does without: at its start, and later.
extension FloodgateFixture {
    /// Makes a fixture whose client has no document and finds no server, until `reconnect`.
    ///
    /// Checks give their callers' defaults, with the reason `Uninitialized` before `initialize` and `NoValues` after it.
    /// Values that are set win even so.
    ///
    /// ```swift
    /// let flags = FloodgateFixture.unreachable()
    /// let details = await flags.client.initialize()
    /// #expect(!details.isReady && details.failure != nil)
    /// #expect(!flags.client.checkGate("new_checkout", for: user))
    /// ```
    public static func unreachable(
        options: FloodgateClient.Options = FloodgateClient.Options(),
        clock: ManualClock = ManualClock()
    ) -> FloodgateFixture {
        FloodgateFixture(unreachableWith: options, clock)
    }

    /// Takes the server out of reach: polls fail, events wait, the client goes on with the document that it has.
    ///
    /// Records are there as before. What the client gives up meanwhile is in none, as in production.
    ///
    /// ```swift
    /// await flags.client.initialize()
    /// flags.disconnect()
    /// await flags.clock.advance(by: .seconds(600))
    /// #expect(flags.client.specsStatus.age == .seconds(600))
    /// ```
    public func disconnect() { server.setReachable(false) }

    /// Brings the server back; the client notices with its next poll.
    ///
    /// A client that never had a document gets what was published, or else goes on without.
    ///
    /// ```swift
    /// flags.publish(document)
    /// flags.reconnect()
    /// await flags.clock.advance(by: .seconds(10))
    /// #expect(flags.client.isReady)
    /// ```
    public func reconnect() { server.setReachable(true) }
}
