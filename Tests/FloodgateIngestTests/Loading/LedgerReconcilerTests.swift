// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateIngest
import FloodgateJSON
import FloodgateTestSupport
import FloodgateWarehouse
import Testing

@Suite("Ledger reconciler") struct LedgerReconcilerTests {
    private static let minute: Int64 = 1_750_000_020_000

    private func segment(
        _ number: Int64,
        _ events: Int64,
        sealed: Bool = true,
        idXor: UInt64? = 3,
        idSum: UInt64? = 5
    ) -> LoggedSegment {
        var segment = LoggedSegment(number: number, isSealed: sealed)
        let sums = LoggedSums(batches: 1, events: events, idXor: idXor, idSum: idSum)
        segment.add(sums, environment: "production", at: Self.minute + 1_234)
        return segment
    }

    private func entry(
        _ segment: Int64,
        loaded: Int64,
        duplicate: Int64 = 0,
        dead: Int64 = 0,
        accepted: Int64? = nil,
        idXor: UInt64 = 3,
        idSum: UInt64 = 5,
        node: String = "n1",
        environment: String = "production"
    ) -> LedgerEntry {
        var sums = LedgerSums()
        sums.batches = 1
        sums.loaded = loaded
        sums.duplicate = duplicate
        sums.dead = dead
        sums.accepted = accepted ?? loaded + duplicate + dead
        sums.idXor = idXor
        sums.idSum = idSum
        return LedgerEntry(
            block: "b",
            node: node,
            segment: segment,
            environment: environment,
            minute: Self.minute,
            sums: sums
        )
    }

    private func compare(
        _ segments: [LoggedSegment],
        _ entries: [LedgerEntry],
        watermark segment: Int64 = 9
    ) -> LedgerReport {
        LedgerReconciler(node: "n1", watermark: LogCursor(position: segment << 32 | 1)).compare(segments, with: entries)
    }

    @Test func `balances what became rows, duplicates and dead letters`() {
        let report = compare([segment(1, 10)], [entry(1, loaded: 7, duplicate: 2, dead: 1)])
        #expect(report.isBalanced)
        #expect(report.removableSegments == [1])
        #expect(report.text == "n1: 10 accepted = 7 loaded + 2 duplicate + 1 dead + 0 in flight\n")
    }

    @Test func `adds up the blocks of a segment`() {
        let parts = [entry(1, loaded: 4, idXor: 1, idSum: 2), entry(1, loaded: 6, idXor: 2, idSum: 3)]
        #expect(compare([segment(1, 10)], parts).isBalanced)
    }

    @Test func `what was sent twice, long apart, is no surplus, where that is known`() {
        let entries = [
            entry(1, loaded: 7, duplicate: 2, dead: 1), entry(1, loaded: 4, idXor: 1, idSum: 2), entry(2, loaded: 9),
        ]
        var reconciler = LedgerReconciler(node: "n1", watermark: LogCursor(position: 9 << 32))
        #expect(reconciler.compare([segment(1, 10), segment(2, 8)], with: entries).gaps.count == 2)
        reconciler.resentThrough = 1
        let report = reconciler.compare([segment(1, 10), segment(2, 8)], with: entries)
        #expect(report.gaps.map(\.segment) == [2], "later segments have no excuse")
        #expect(report.removableSegments == [1])
        let line = report.lines[0]
        #expect(line.accepted == 10 && line.loaded == 7 && line.duplicate == 2 && line.dead == 1)
    }

    @Test func `what a partition that was begun again brought twice is no surplus, and nothing else is excused`() {
        var again = entry(1, loaded: 4, idXor: 1, idSum: 2)
        again.block = LoadPiece(from: .start, to: .start, day: ArrivalDay(number: 0))
            .block(of: "partition-0-dohb1kzw2x8g-9")
        let report = compare([segment(1, 10)], [entry(1, loaded: 10), again])
        #expect(report.isBalanced && report.removableSegments == [1])
        again.segment = 2
        let other = compare([segment(1, 10), segment(2, 10)], [entry(1, loaded: 10), entry(1, loaded: 4), again])
        #expect(other.gaps.map(\.gap) == [.surplus(4), .missing(6)])
        #expect(other.text.contains("published.json"), "it says what to do")
    }

    @Test func `what is sent again is not whole before the broker holds nothing of it any more`() {
        // Five of ten events, twice and thrice: as many as there were, and more.
        let half = entry(1, loaded: 5, idXor: 1, idSum: 2)
        for times in [2, 3] {
            let entries = Array(repeating: half, count: times)
            var reconciler = LedgerReconciler(node: "n1", watermark: LogCursor(position: 1 << 32 | 7))
            reconciler.resentThrough = 1
            let report = reconciler.compare([segment(1, 10)], with: entries)
            #expect(report.isBalanced, "nobody is to be woken while it is on its way")
            #expect(report.removableSegments.isEmpty)
            #expect(report.total.accepted == report.total.loaded + report.total.inFlight)
        }
        var reconciler = LedgerReconciler(node: "n1", watermark: LogCursor(position: 2 << 32))
        reconciler.resentThrough = 1
        let whole = [entry(1, loaded: 10), half]
        #expect(reconciler.compare([segment(1, 10)], with: whole).removableSegments == [1])
        #expect(reconciler.compare([segment(1, 10)], with: [half, half]).gaps.map(\.gap) == [.otherEvents])
    }

    @Test func `what is missed twice in a row is sent again, once`() {
        let whole = compare([segment(1, 10)], [entry(1, loaded: 10)])
        let lacking = compare([segment(1, 10), segment(2, 10)], [entry(1, loaded: 10), entry(2, loaded: 9)])
        var missed = MissedSegments()
        for report in [lacking, whole, lacking] { #expect(missed.saw(report).isEmpty) }
        #expect(missed.saw(lacking) == [2])
        #expect(missed.saw(lacking).isEmpty)
    }

    @Test func `counts what is behind the watermark as in flight`() {
        let report = compare([segment(1, 10), segment(2, 4)], [entry(1, loaded: 6)], watermark: 1)
        #expect(report.isBalanced)
        #expect(report.total.inFlight == 8)
        #expect(report.removableSegments.isEmpty)
    }

    @Test func `finds what is missing, too much, other or unexplained`() {
        #expect(compare([segment(1, 10)], [entry(1, loaded: 9)]).gaps.map(\.gap) == [.missing(1)])
        #expect(compare([segment(1, 10)], []).gaps.map(\.gap) == [.missing(10)])
        #expect(compare([segment(1, 10)], [entry(1, loaded: 12)]).gaps.map(\.gap) == [.surplus(2)])
        #expect(compare([segment(1, 10)], [entry(1, loaded: 10, idXor: 4)]).gaps.map(\.gap) == [.otherEvents])
        #expect(compare([segment(1, 10)], [entry(1, loaded: 10, idSum: 4)]).gaps.map(\.gap) == [.otherEvents])
        let uneven = compare([segment(1, 10)], [entry(1, loaded: 9, accepted: 10)])
        #expect(uneven.gaps.map(\.gap) == [.unexplained(1)])
        #expect(uneven.removableSegments.isEmpty)
    }

    @Test func `finds events of a place that the log does not know`() {
        let report = compare([segment(1, 10)], [entry(1, loaded: 10), entry(1, loaded: 2, environment: "staging")])
        #expect(report.gaps.map(\.environment) == ["staging"])
        #expect(report.removableSegments.isEmpty)
    }

    @Test func `trusts counts where the log has no ids`() {
        let report = compare([segment(1, 10, idXor: nil, idSum: nil)], [entry(1, loaded: 10)])
        #expect(report.isBalanced && report.removableSegments == [1])
    }

    @Test func `leaves other nodes and removed segments out`() {
        let entries = [entry(1, loaded: 10), entry(1, loaded: 10, node: "n2"), entry(0, loaded: 3)]
        #expect(compare([segment(1, 10)], entries).total.loaded == 10)
    }

    @Test func `lets no open segment be removed, however complete`() {
        let report = compare([segment(1, 10, sealed: false)], [entry(1, loaded: 10)], watermark: 1)
        #expect(report.isBalanced && report.removableSegments.isEmpty)
    }

    @Test func `lets the last segment be removed when all of it is loaded`() {
        #expect(compare([segment(1, 10)], [entry(1, loaded: 10)], watermark: 1).removableSegments == [1])
    }

    @Test func `says the same to programs`() {
        let report = compare([segment(1, 10), segment(2, 10)], [entry(1, loaded: 10), entry(2, loaded: 9)])
        let json = report.json
        #expect(json["isBalanced"] == false)
        #expect(json["removableSegments"] == [1])
        #expect(json["total"]?.objectValue?["accepted"] == 20)
        #expect(json["minutes"]?.arrayValue?.count == 1, "segments are added up")
        let gap = json["gaps"]?.arrayValue?.first?.objectValue
        #expect(gap?["gap"] == "missing" && gap?["gapEvents"] == 1 && gap?["segment"] == 2)
        #expect(report.text.contains("segment 2, production, minute \(Self.minute): 10 accepted, 1 missing"))
    }

    @Test(arguments: 0..<50 as Range<UInt64>)
    func `finds any change to a ledger that was balanced`(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var segments: [LoggedSegment] = []
        var entries: [LedgerEntry] = []
        for number in 1...5 as ClosedRange<Int64> {
            let xor = UInt64.random(in: 0 ... .max, using: &random)
            let sum = UInt64.random(in: 0 ... .max, using: &random)
            let count = Int64.random(in: 1...100, using: &random)
            segments.append(segment(number, count, idXor: xor, idSum: sum))
            entries.append(entry(number, loaded: count, idXor: xor, idSum: sum))
        }
        #expect(compare(segments, entries).removableSegments == [1, 2, 3, 4, 5])
        let place = Int.random(in: 0..<5, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: entries.remove(at: place)
        case 1: entries.append(entries[place])
        case 2: entries[place].sums.loaded += 1
        case 3: entries[place].sums.idXor ^= 1 << UInt64.random(in: 0..<64, using: &random)
        default: entries[place].minute += 60_000
        }
        let report = compare(segments, entries)
        #expect(!report.isBalanced)
        #expect(!report.removableSegments.contains(Int64(place + 1)))
    }
}
