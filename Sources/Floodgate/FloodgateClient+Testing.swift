// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

// What FloodgateTesting needs of the client besides its interface.

extension FloodgateClient {
    /// Answers from this document at once, as if the network had brought it.
    /// - Throws: `ClientError` with the code `document` if it does not read.
    package func install(_ document: [UInt8]) throws(ClientError) {
        _ = try state.specs.install(document, from: .network)
    }

    /// Sends the events that wait, whether or not the client was initialised or is shut down by now.
    package func sendEvents(over transport: any Transport) async { await state.sender.flush(.manual, over: transport) }

    /// How many tasks sleep by the client's clock while nothing is to be done.
    package var sleeperCount: Int {
        guard isInitialized else { return 0 }
        return 1 + (state.logsEvents ? 1 : 0) + (state.settings.options.enableIDLists ? 1 : 0)
    }
}

extension TransportAnswer {
    /// An answer made up by a test.
    package static func reply(_ status: Int, _ body: [UInt8] = []) -> TransportAnswer {
        TransportAnswer(status: status, body: body)
    }
}
