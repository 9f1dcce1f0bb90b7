// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// How often something was served of late.
package struct CountedExposures: Sendable, Hashable {
    package var kind: ArrivedEvent.Kind
    package var name: String
    package var rule: String
    package var value: String
    package var exposures: Int64
    package var units: Int64
    /// Whether the project has what was served.
    package var isKnown: Bool

    package init(
        kind: ArrivedEvent.Kind,
        name: String,
        rule: String,
        value: String,
        exposures: Int64,
        units: Int64,
        isKnown: Bool
    ) {
        self.kind = kind
        self.name = name
        self.rule = rule
        self.value = value
        self.exposures = exposures
        self.units = units
        self.isKnown = isKnown
    }
}

/// What the live page shows beside the events.
package struct LiveContent: Sendable, Hashable {
    /// Which events are shown, as it was typed.
    package var filter = ""
    /// What is wrong with it.
    package var mistake: String?
    /// What was served in the last hour, most first; nil if the warehouse does not say.
    package var counts: [CountedExposures]?

    package init() {}
}

/// What arrives, which of it, and how much of late.
struct LivePage: Sendable {
    let live: LivePanel
    let filter: String
    let mistake: String?
    let hasCounts: Bool
    let counts: [CountedRow]
    let countsText: String

    init(_ content: LiveContent, live: LivePanel, frame: PageFrame) {
        self.live = live
        filter = content.filter
        mistake = content.mistake
        counts = (content.counts ?? []).prefix(50).map { CountedRow($0, base: frame.base) }
        hasCounts = !counts.isEmpty
        countsText =
            content.counts == nil
            ? "The warehouse does not answer; events are kept all the same." : "Nothing was served in the last hour."
    }
}

/// A row of the table of counts.
struct CountedRow: Sendable {
    let what: String?
    let countedName: String
    let countedKind: String
    let countedRule: String
    let countedValue: String
    let exposures: String
    let units: String

    init(_ counted: CountedExposures, base: String) {
        let event = ArrivedEvent(
            time: 0,
            kind: counted.kind,
            name: counted.name,
            value: counted.value,
            rule: counted.rule,
            unit: ""
        )
        let row = LiveRow(event, base: base, now: 0)
        what = counted.isKnown ? row.what : nil
        countedName = counted.name
        countedKind = row.kindText
        countedRule = row.rule
        countedValue = counted.value.isEmpty ? "–" : counted.value
        exposures = String(counted.exposures)
        units = String(counted.units)
    }
}
