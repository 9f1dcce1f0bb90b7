// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Asks the server for the document, and says what the answer means.
struct SpecsFetcher: Sendable {
    /// What the server said.
    enum Answer: Sendable {
        /// The document that the client holds is the newest.
        case unchanged
        /// A document, or what claims to be one, and the position of the address that gave it.
        ///
        /// With the fields that vouch for it.
        case document([UInt8], from: Int, seal: [String: String])
    }

    let settings: Settings
    let timing: Timing
    let failover: Failover

    /// Asks for a document newer than the one held; with the answer comes where the server stands, if it says so.
    func fetch(
        newerThan held: HeldSpecs?,
        over transport: any Transport
    ) async throws(ClientError) -> (answer: Answer, region: String?) {
        let path = "/" + settings.key.percentEncoded + ".json" + (held?.query ?? "")
        let (answer, address) = try await failover.send(over: transport) { server in
            TransportRequest(
                purpose: .specs,
                method: .get,
                url: server + path,
                headers: settings.headers(at: timing.wall()) + [(UseReporter.nameField, settings.instanceName)]
                    + (settings.verifies ? [SnapshotGuard.request] : []),
                maxAnswerBytes: Settings.maxDocumentBytes,
                timeout: settings.options.requestTimeout
            )
        }
        switch answer.status {
        case 204, 304: return (.unchanged, answer.region)
        case 200..<300: return (.document(answer.body, from: address, seal: answer.seal), answer.region)
        default:
            let message = "The server answered the request for specs with status \(answer.status)"
            throw ClientError(.status, message, status: answer.status, retryAfter: answer.retryAfter)
        }
    }
}

/// Which document the client holds.
struct HeldSpecs: Sendable, Hashable {
    var time: UInt64
    var checksum: String?

    /// What is asked with, so that the answer is only what is newer.
    var query: String {
        guard time > 0 else { return "" }
        let checksum = checksum ?? ""
        return "?sinceTime=\(time)" + (checksum.isEmpty ? "" : "&checksum=" + checksum.percentEncoded)
    }
}
