// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Versions with those that hold them, those that are behind, and edges.
struct FleetPage: Sendable {
    let summary: String
    let isSeen: Bool
    let hasVersions: Bool
    let fleetVersions: [FleetVersionRow]
    let hasStragglers: Bool
    let stragglers: [FleetInstanceRow]
    let behindCount: Int
    let moreText: String?
    let edges: FleetEdges?
    let at: TimeText

    init(_ content: FleetContent, frame: PageFrame) {
        let now = frame.now
        at = TimeText(now, now: now)
        isSeen = content.live > 0 || !content.edges.isEmpty
        if content.live == 0 {
            summary = "No instance has reported \(content.edges.isEmpty ? "yet" : "lately")."
        } else {
            let published = content.newest > 0 ? ", published \(TimeText(content.newest, now: now).ago)" : ""
            let live = Count.of(content.live, "live instance")
            summary =
                (content.isEstimate ? "About " : "")
                + "\(content.holding) of \(live) on the newest version\(published)."
        }
        fleetVersions = content.versions.filter { $0.instances > 0 || $0.delay != nil }.map { version in
            FleetVersionRow(version, of: content, now: now)
        }
        hasVersions = !fleetVersions.isEmpty
        stragglers = content.stragglers.map { FleetInstanceRow($0, newest: content.newest, now: now) }
        hasStragglers = !stragglers.isEmpty
        behindCount = max(0, content.live - content.holding)
        let rest = behindCount - stragglers.count
        moreText = rest > 0 ? "and \(rest) more" : nil
        let rows = content.edges.map { FleetInstanceRow($0, newest: content.newest, now: now) }
        edges = rows.isEmpty ? nil : FleetEdges(edgeRows: rows, edgeCount: rows.count)
    }
}

/// The table of edges.
struct FleetEdges: Sendable {
    let edgeRows: [FleetInstanceRow]
    let edgeCount: Int
}

/// A row of the table of versions.
struct FleetVersionRow: Sendable {
    let committed: TimeText
    let isNewest: Bool
    let instances: Int
    let share: String
    let p50: String
    let p99: String
    let p999: String
    let longest: String

    init(_ version: FleetContent.Version, of content: FleetContent, now: Int64) {
        committed = TimeText(version.time, now: now)
        isNewest = version.time == content.newest
        instances = version.instances
        let percent = content.live > 0 ? version.instances * 100 / content.live : 0
        share = "\(min(100, max(0, percent)))%"
        p50 = Self.text(version.delay?.p50)
        p99 = Self.text(version.delay?.p99)
        p999 = Self.text(version.delay?.p999)
        longest = Self.text(version.delay?.max)
    }

    private static func text(_ milliseconds: Int64?) -> String {
        guard let milliseconds else { return "–" }
        if milliseconds < 10_000 { return "\(milliseconds) ms" }
        let seconds = milliseconds / 1_000
        return seconds < 600 ? "\(seconds) s" : "\(seconds / 60) min"
    }
}

/// A row of the tables of instances.
struct FleetInstanceRow: Sendable {
    let instanceName: String
    let instanceID: String?
    let instanceSDK: String
    let held: TimeText?
    let stateText: String
    let stateClass: String
    let seen: TimeText
    let confirmed: TimeText?
    let via: String

    init(_ instance: FleetContent.Instance, newest: Int64, now: Int64) {
        let name = instance.name.isEmpty ? instance.id : instance.name
        instanceName = name
        instanceID = instance.name.isEmpty ? nil : String(instance.id.prefix(8))
        instanceSDK = instance.sdk
        held = instance.time > 0 ? TimeText(instance.time, now: now) : nil
        let isBehind = instance.time < newest
        stateText = !instance.isLive ? "Gone" : isBehind ? "Behind" : "Newest"
        stateClass = !instance.isLive ? "off" : isBehind ? "wait" : "on"
        seen = TimeText(instance.lastSeen, now: now)
        confirmed = instance.confirmedAt.map { TimeText($0, now: now) }
        via = instance.via.isEmpty ? "–" : instance.via.joined(separator: " < ")
    }
}
