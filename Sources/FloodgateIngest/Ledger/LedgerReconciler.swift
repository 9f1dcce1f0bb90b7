// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateWarehouse

/// Compares what the log of a node accepted with what the warehouse has of it.
package struct LedgerReconciler: Sendable {
    /// The node whose log it is.
    package var node: String
    /// Up to where the loader says that everything is loaded, or the broker that it holds nothing any more.
    package var watermark: LogCursor
    /// Up to which segment batches may have been sent twice, long apart, and so be loaded twice; reads count them once.
    package var resentThrough: Int64

    package init(node: String, watermark: LogCursor, resentThrough: Int64 = 0) {
        self.node = node
        self.watermark = watermark
        self.resentThrough = resentThrough
    }

    private struct Place: Hashable {
        var segment: Int64
        var key: LoggedSegment.Key
    }

    /// Compares each segment, environment and minute.
    ///
    /// What the warehouse has of segments that are not in `segments` is of a log that was removed, and left out.
    /// - Parameters:
    ///   - segments: The log, read after `entries`, which are read after the watermark: what is loaded in between is no
    ///     surplus, and what is accepted in between is in flight.
    ///   - entries: The ledger of the warehouse; of other nodes, too.
    /// - Returns: A line for each place, in order.
    package func compare(_ segments: [LoggedSegment], with entries: [LedgerEntry]) -> LedgerReport {
        var loaded: [Place: LedgerSums] = [:]
        var repeated: Set<Place> = []
        let numbers = Set(segments.map(\.number))
        for entry in entries where entry.node == node && numbers.contains(entry.segment) {
            let key = LoggedSegment.Key(environment: entry.environment, minute: entry.minute)
            let place = Place(segment: entry.segment, key: key)
            loaded[place, default: LedgerSums()].add(entry.sums)
            if LoadPiece.isRepeated(entry.block) { repeated.insert(place) }
        }
        var lines: [LedgerReport.Line] = []
        for segment in segments {
            for (key, logged) in segment.entries {
                let place = Place(segment: segment.number, key: key)
                let found = loaded.removeValue(forKey: place) ?? LedgerSums()
                lines.append(line(segment, key, logged, found, isRepeated: repeated.contains(place)))
            }
            for (place, found) in loaded where place.segment == segment.number {
                lines.append(line(segment, place.key, LoggedSums(idXor: 0, idSum: 0), found, isRepeated: false))
            }
        }
        lines.sort { ($0.segment, $0.minute, $0.environment) < ($1.segment, $1.minute, $1.environment) }
        let sealed = Set(segments.filter(\.isSealed).map(\.number))
        return LedgerReport(node: node, lines: lines, sealed: sealed)
    }

    private func line(
        _ segment: LoggedSegment,
        _ key: LoggedSegment.Key,
        _ logged: LoggedSums,
        _ found: LedgerSums,
        isRepeated: Bool
    ) -> LedgerReport.Line {
        var line = LedgerReport.Line(
            node: node,
            segment: segment.number,
            environment: key.environment,
            minute: key.minute,
            accepted: logged.events,
            loaded: found.loaded,
            duplicate: found.duplicate,
            dead: found.dead
        )
        let absent = logged.events &- found.accepted
        // Segments are loaded in order: what lies before the one at the watermark is not on its way any more.
        let mayBeInFlight = segment.number >= watermark.segment
        let isOther = (logged.idXor ?? found.idXor) != found.idXor || (logged.idSum ?? found.idSum) != found.idSum
        let mayBeTwice = isRepeated || segment.number <= resentThrough
        if absent > 0 {
            if mayBeInFlight { line.inFlight = absent } else { line.gap = .missing(absent) }
        } else if mayBeTwice, absent < 0 || (isOther && mayBeInFlight) {
            // Each batch that came again is there once more. While the rest of them may come, some may be there twice and
            // others not at all.
            line.loaded = max(0, found.loaded &+ absent)
            line.isSettled = !mayBeInFlight
        } else if absent < 0 {
            line.gap = .surplus(0 &- absent)
        } else if isOther {
            line.gap = .otherEvents
        } else if found.accepted != found.loaded &+ found.duplicate &+ found.dead {
            line.gap = .unexplained(found.accepted &- found.loaded &- found.duplicate &- found.dead)
        }
        return line
    }
}
