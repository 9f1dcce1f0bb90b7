// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON

/// Whether what was accepted is in the warehouse: accepted = loaded + duplicate + dead + in flight.
package struct LedgerReport: Sendable, Hashable {
    /// What does not add up.
    package enum Gap: Sendable, Hashable {
        /// So many events are neither in the warehouse nor on their way.
        case missing(Int64)
        /// The warehouse has so many events that the log does not know.
        case surplus(Int64)
        /// The warehouse has as many events as the log, and not the same ones.
        case otherEvents
        /// The warehouse does not say what became of so many events.
        case unexplained(Int64)
    }

    /// What became of the events of one segment, environment and minute of arrival.
    package struct Line: Sendable, Hashable {
        package var node: String
        package var segment: Int64
        package var environment: String
        /// Unix milliseconds of its beginning.
        package var minute: Int64
        package var accepted: Int64 = 0
        package var loaded: Int64 = 0
        package var duplicate: Int64 = 0
        package var dead: Int64 = 0
        package var inFlight: Int64 = 0
        package var gap: Gap?
        /// Whether it is sure that all of it is loaded: what was sent twice may hide what is still to come.
        package var isSettled = true
    }

    package var node: String
    /// In order of segment, minute and environment.
    package var lines: [Line]
    let sealed: Set<Int64>

    /// Whether there is no gap.
    package var isBalanced: Bool { lines.allSatisfy { $0.gap == nil } }

    /// The lines with a gap.
    package var gaps: [Line] { lines.filter { $0.gap != nil } }

    /// Segments that nothing is added to and whose events are all in the warehouse, in order: the log may remove them.
    ///
    /// A segment without events is not among them: whether it ever had any is not known here.
    package var removableSegments: [Int64] {
        var kept: Set<Int64> = []
        for line in lines where line.gap != nil || line.inFlight != 0 || !line.isSettled { kept.insert(line.segment) }
        return Set(lines.map(\.segment)).intersection(sealed).subtracting(kept).sorted()
    }

    /// The sums over all lines, without a place.
    package var total: Line { sum(lines) }

    /// The sums by environment and minute, over all segments; a gap there is the first of its lines.
    package var minutes: [Line] {
        struct Key: Hashable { var minute: Int64, environment: String }
        return Dictionary(grouping: lines) { Key(minute: $0.minute, environment: $0.environment) }
            .map { key, lines in
                var line = sum(lines)
                line.environment = key.environment
                line.minute = key.minute
                return line
            }
            .sorted { ($0.minute, $0.environment) < ($1.minute, $1.environment) }
    }

    private func sum(_ lines: [Line]) -> Line {
        lines.reduce(into: Line(node: node, segment: 0, environment: "", minute: 0)) { sum, line in
            sum.accepted &+= line.accepted
            sum.loaded &+= line.loaded
            sum.duplicate &+= line.duplicate
            sum.dead &+= line.dead
            sum.inFlight &+= line.inFlight
            sum.gap = sum.gap ?? line.gap
        }
    }
}

extension LedgerReport.Gap {
    /// The gap in words.
    package var text: String {
        switch self {
        case .missing(let count): "\(count) missing"
        case .surplus(let count): "\(count) too many"
        case .otherEvents: "other events"
        case .unexplained(let count): "\(count) unexplained"
        }
    }

    fileprivate var word: String {
        switch self {
        case .missing: "missing"
        case .surplus: "surplus"
        case .otherEvents: "other_events"
        case .unexplained: "unexplained"
        }
    }

    fileprivate var count: Int64 {
        switch self {
        case .missing(let count), .surplus(let count), .unexplained(let count): count
        case .otherEvents: 0
        }
    }
}

extension LedgerReport {
    /// The report for people: the sums, then each line with a gap.
    package var text: String {
        let all = total
        var text = """
            \(node): \(all.accepted) accepted = \(all.loaded) loaded + \(all.duplicate) duplicate + \(all.dead) dead \
            + \(all.inFlight) in flight\(isBalanced ? "" : ", and \(gaps.count) gaps")

            """
        for line in gaps {
            text += "  segment \(line.segment), \(line.environment), minute \(line.minute): "
            text += "\(line.accepted) accepted, \(line.gap?.text ?? "")\n"
        }
        if gaps.contains(where: \.isSurplus) {
            text += """
                  What is too many was loaded twice; results count it once. In a cluster, to have the log go on: stop the server,
                  delete its published.json and start it; all that the log holds is sent again, and counts once.

                """
        }
        return text
    }

    /// The report for programs.
    package var json: JSONObject {
        [
            "node": .string(node), "isBalanced": .bool(isBalanced), "total": .object(total.json),
            "minutes": .array(minutes.map { .object($0.json) }), "gaps": .array(gaps.map { .object($0.json) }),
            "removableSegments": .array(removableSegments.map { .integer($0) }),
        ]
    }
}

extension LedgerReport.Line {
    fileprivate var isSurplus: Bool {
        if case .surplus = gap { true } else { false }
    }

    /// The line as a JSON object; what a sum has no place for is left out.
    package var json: JSONObject {
        var object: JSONObject = [
            "accepted": .integer(accepted), "loaded": .integer(loaded), "duplicate": .integer(duplicate),
            "dead": .integer(dead), "inFlight": .integer(inFlight),
        ]
        if !environment.isEmpty {
            object.set("environment", .string(environment))
            object.set("minute", .integer(minute))
        }
        if let gap {
            object.set("segment", .integer(segment))
            object.set("gap", .string(gap.word))
            object.set("gapEvents", .integer(gap.count))
        }
        return object
    }
}
