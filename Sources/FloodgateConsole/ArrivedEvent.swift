// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON

/// One event as it arrived, reduced to what a row shows.
package struct ArrivedEvent: Sendable, Hashable {
    /// What was recorded.
    package enum Kind: String, Sendable, Hashable { case gate, config, layer, custom }

    /// When it arrived, in Unix ms.
    package var time: Int64
    /// What was recorded.
    package var kind: Kind
    /// The gate, config, experiment or layer; of custom events, the event's name.
    package var name: String
    /// `true` or `false` of gates, the group of experiments, the parameter of layers, the value of custom events.
    package var value: String
    /// The rule that decided.
    package var rule: String
    /// The unit: the user's ID, or another one if there is none.
    package var unit: String
    /// Why, as the SDK says it, such as `Network:Recognized`; empty if it does not.
    package var reason: String

    package init(
        time: Int64,
        kind: Kind,
        name: String,
        value: String,
        rule: String,
        unit: String,
        reason: String = ""
    ) {
        self.time = time
        self.kind = kind
        self.name = name
        self.value = value
        self.rule = rule
        self.unit = unit
        self.reason = reason
    }

    /// The same with the name of the group or rule that a config's or experiment's exposure tells by its id only.
    package func named(by names: RuleNames) -> ArrivedEvent {
        guard kind == .config, let text = names.text(config: name, rule: rule) else { return self }
        var event = self
        event.value = text
        return event
    }

    /// What the page's script makes a row of; `base` is the path in front of all paths of the server.
    package func json(base: String) -> JSONValue {
        let row = LiveRow(self, base: base, now: time)
        return [
            "clock": .string(row.at.clock), "machine": .string(row.at.machine), "exact": .string(row.at.exact),
            "name": .string(row.eventName), "href": .text(row.what), "value": .string(row.value),
            "valueClass": .string(row.valueClass), "unit": .string(row.eventUnit), "rule": .string(row.rule),
            "kind": .string(row.kindText), "reason": .string(row.reason),
        ]
    }
}

/// A row of the live table.
struct LiveRow: Sendable {
    let at: TimeText
    let eventName: String
    let what: String?
    let value: String
    let valueClass: String
    let eventUnit: String
    let rule: String
    let kindText: String
    let reason: String

    init(_ event: ArrivedEvent, base: String, now: Int64) {
        self.at = TimeText(event.time, now: now)
        self.eventName = event.name
        let folder: String? =
            switch event.kind {
            case .gate: "gates"
            case .config: "configs"
            case .layer: "layers"
            case .custom: nil
            }
        self.what = folder.map { "\(base)/\($0)/\(URLText.encoded(event.name))" }
        let shown = event.kind == .config && event.value.isEmpty ? event.rule : event.value
        self.value = shown.isEmpty ? "–" : shown
        self.valueClass = event.kind == .gate ? (event.value == "true" ? "on" : "") : "plain"
        self.eventUnit = event.unit
        self.reason = event.reason.isEmpty ? "–" : event.reason
        self.rule = event.rule.isEmpty ? "–" : event.rule
        self.kindText =
            switch event.kind {
            case .gate: "Gate"
            case .config: "Config"
            case .layer: "Layer"
            case .custom: "Event"
            }
    }
}

/// The table of what arrives.
struct LivePanel: Sendable {
    /// How many rows a page shows without its script.
    static let initialRows = 50

    let isFull: Bool
    let panelTitle: String
    let liveSource: String
    let liveLimit = 100
    let liveStateText = "Not following"
    let hasLiveRows: Bool
    let liveRows: [LiveRow]

    /// Shows `events`; the stream goes on after `position`, the place in the event log up to which they reach.
    ///
    /// A `filter` says which events the stream is to show.
    init(
        _ events: [ArrivedEvent],
        isFull: Bool,
        after position: Int64,
        filter: String = "",
        frame: PageFrame
    ) {
        self.isFull = isFull
        self.panelTitle = isFull ? "Events" : "Exposures, live"
        self.liveSource =
            frame.base + "/console/live?after=\(position)" + (isFull ? "&all=1" : "")
            + (filter.isEmpty ? "" : "&filter=" + URLText.encoded(filter))
        self.liveRows = events.prefix(Self.initialRows).map { LiveRow($0, base: frame.base, now: frame.now) }
        self.hasLiveRows = !liveRows.isEmpty
    }
}
