// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Asks the server for the document, and says what the answer means.
struct SpecsFetcher: Sendable {
    /// What the server said.
    enum Answer: Sendable {
        /// The document that the client holds is the newest.
        case unchanged
        /// A document, or what claims to be one.
        case document([UInt8])
    }

    let settings: Settings
    let timing: Timing

    /// Asks for a document newer than the one held.
    func fetch(newerThan held: HeldSpecs?, over transport: any Transport) async -> Result<Answer, ClientError> {
        var url = settings.specsURL + "/" + settings.key.percentEncoded + ".json"
        if let held, held.time > 0 {
            url += "?sinceTime=\(held.time)"
            if let checksum = held.checksum, !checksum.isEmpty { url += "&checksum=" + checksum.percentEncoded }
        }
        let request = TransportRequest(
            method: .get,
            url: url,
            headers: settings.headers(at: timing.wall()),
            maxAnswerBytes: Settings.maxDocumentBytes,
            timeout: settings.options.requestTimeout
        )
        do throws(ClientError) {
            let answer = try await transport.send(request)
            switch answer.status {
            case 204, 304: return .success(.unchanged)
            case 200..<300: return .success(.document(answer.body))
            default:
                let message = "The server answered the request for specs with status \(answer.status)"
                return .failure(ClientError(.status, message, status: answer.status))
            }
        } catch {
            return .failure(error)
        }
    }
}

/// Which document the client holds.
struct HeldSpecs: Sendable, Hashable {
    var time: UInt64
    var checksum: String?
}
