// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import Testing

@Suite("What a client holds") struct HeldSnapshotTests {
    @Test(arguments: [
        ("1750000000000", 1_750_000_000_000 as UInt64?), ("0", 0), ("18446744073709551615", .max),
        ("99999999999999999999999", .max), ("-5", nil), ("-99999999999999999999999", nil), ("", nil),
    ])
    func `reads any integer as a time`(text: String, time: UInt64?) throws {
        let held = try #require(HeldSnapshot(sinceTime: text, checksum: nil))
        #expect(held.time == time)
    }

    @Test(arguments: ["abc", "1.5", "1e9", "+5", " 5", "5 ", "0x10", "--5", "-", "١٢"])
    func `refuses what is not an integer`(text: String) {
        #expect(HeldSnapshot(sinceTime: text, checksum: nil) == nil)
    }

    @Test(arguments: [
        ("a%20b", "a b"), ("%2B%2f%3D", "+/="), ("c2%252B", "c2%2B"), ("100%", "100%"), ("%G1%1", "%G1%1"), ("", ""),
    ])
    func `percent-decodes once`(text: String, decoded: String) { #expect(PercentEncoding.decode(text) == decoded) }
}
