// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON
internal import FloodgateEvents

/// An event of the application, as the server would have got it.
///
/// ```swift
/// let purchase = await flags.events(named: "purchase").first
/// #expect(purchase?.value == 49.9)
/// #expect(purchase?.metadata == ["currency": "EUR"])
/// ```
public struct RecordedEvent: Sendable, Hashable {
    /// What happened.
    public let name: String
    /// The user's ID, or else the first custom ID that there is; nil for nobody.
    public let unitID: String?
    /// All that the server is told of the user; private attributes are not.
    public let user: JSONObject
    /// A text or number that belongs to the event.
    public let value: JSONValue?
    /// Whatever else the application logged with it.
    public let metadata: [String: String]
    /// When it happened by the fixture's clock, in Unix milliseconds.
    public let time: Int64

    init?(_ event: Event) {
        guard !event.isInternal else { return nil }
        name = event.name
        unitID = event.unitID
        user = event.user ?? JSONObject()
        value = event.value
        metadata = Dictionary(
            (event.metadata ?? JSONObject()).map { ($0.name, $0.value.stringValue ?? $0.value.text) },
            uniquingKeysWith: { $1 }
        )
        time = event.time
    }
}
