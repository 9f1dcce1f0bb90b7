// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// A door through which strangers' bytes come in, with what must hold whatever they are.
///
/// The fuzzer (`make fuzz`) looks for bytes that break it, guided by coverage; FuzzingTests replays what was ever found
/// and tries some ten thousand mutations of real inputs in every test run.
package enum FuzzTarget: String, CaseIterable, Sendable {
    /// Any bytes as JSON.
    case json
    /// Any bytes as a config-specs document, which is then evaluated for a few users.
    case document
    /// Any bytes as a user, for whom a document with all operators is evaluated.
    case user
    /// Any bytes as the events of a request.
    case events
    /// A pattern, a NUL and a text.
    case regex
    /// Any bytes as a user agent, an address, a number, a time, an ID list, or two versions around a NUL.
    case texts
    /// Any bytes as the head of an HTTP/1 request and a body behind it.
    case head
    /// Any bytes as a PROXY header.
    case proxy
    /// Any bytes as all that a client sends on a connection.
    case connection
    /// Any bytes as HTTP/2 frames behind the preface.
    case frames

    /// Longer inputs are not tried: what they show is time, which other tests bound.
    package var maximumBytes: Int {
        switch self {
        case .document: 65_536
        case .json, .user, .events: 16_384
        case .regex: 1024
        case .texts: 2048
        case .head, .connection, .frames: 4096
        case .proxy: 600
        }
    }

    /// Feeds `bytes` to the target.
    /// - Returns: what is wrong with what came out; nil if all is well.
    package func fault(in bytes: [UInt8]) -> String? {
        switch self {
        case .json: JSONTarget.fault(in: bytes)
        case .document: DocumentTarget.fault(in: bytes)
        case .user: UserTarget.fault(in: bytes)
        case .events: EventsTarget.fault(in: bytes)
        case .regex: RegexTarget.fault(in: bytes)
        case .texts: TextTarget.fault(in: bytes)
        case .head: HeadTarget.fault(in: bytes)
        case .proxy: ProxyTarget.fault(in: bytes)
        case .connection: ConnectionTarget.fault(in: bytes)
        case .frames: FramesTarget.fault(in: bytes)
        }
    }

    /// Whether inputs are JSON, so that mutations may keep them so.
    package var isJSON: Bool {
        switch self {
        case .json, .document, .user, .events: true
        case .regex, .texts, .head, .proxy, .connection, .frames: false
        }
    }
}
