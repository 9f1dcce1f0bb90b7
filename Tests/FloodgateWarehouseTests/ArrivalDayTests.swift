// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateWarehouse
import Testing

@Suite("Arrival day") struct ArrivalDayTests {
    @Test(arguments: [
        (0, "1970-01-01"), (86_399_999, "1970-01-01"), (86_400_000, "1970-01-02"), (-1, "1969-12-31"),
        (-86_400_000, "1969-12-31"), (-86_400_001, "1969-12-30"), (951_782_400_000, "2000-02-29"),
        (1_709_164_800_000, "2024-02-29"), (1_750_000_000_000, "2025-06-15"), (4_107_542_400_000, "2100-03-01"),
        (253_402_300_799_999, "9999-12-31"),
    ])
    func `is the date in UTC`(milliseconds: Int64, text: String) {
        #expect(ArrivalDay(of: milliseconds).text == text)
    }

    @Test func `takes any time without failing`() {
        #expect(ArrivalDay(of: .max).number == .max)
        #expect(ArrivalDay(of: .min).number == .min)
        #expect(!ArrivalDay(of: .max).text.isEmpty && !ArrivalDay(of: .min).text.isEmpty)
    }

    @Test func `goes up by one every day, and its text with it`() {
        var last = ArrivalDay(number: -800_000).text
        for number in Int32(10_000)...40_000 {
            let text = ArrivalDay(number: number).text
            if number > 10_000 { #expect(text > last) }
            last = text
        }
    }
}

@Suite("Ledger sums") struct LedgerSumsTests {
    @Test func `come to the same in any order`() {
        let parts = (1...5).map { number in
            var sums = LedgerSums()
            sums.batches = Int64(number)
            sums.accepted = Int64(number * 10)
            sums.loaded = Int64(number * 7)
            sums.duplicate = Int64(number * 2)
            sums.dead = Int64(number)
            sums.idXor = UInt64(number) << 62
            sums.idSum = .max - UInt64(number)
            return sums
        }
        func total(_ parts: [LedgerSums]) -> LedgerSums { parts.reduce(into: LedgerSums()) { $0.add($1) } }
        #expect(total(parts) == total(parts.reversed()))
        #expect(total(parts).accepted == 150 && total(parts).idSum == UInt64.max - 19)
    }
}
