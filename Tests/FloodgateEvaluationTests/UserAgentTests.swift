// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateGzip
import FloodgateJSON
import FloodgateTestSupport
import Testing

@Suite struct UserAgentTests {
    private func parts(_ text: String) -> [String]? {
        UserAgent(text).map { [$0.osName, $0.osVersion, $0.browserName, $0.browserVersion] }
    }

    private let chrome = """
        Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36
        """

    @Test func `agrees with the official implementation`() throws {
        guard let packed = SharedData.bytes("conformance/golden-user-agents.jsonl.gz") else { return }
        let lines = try Gzip.decompress(packed, limit: 1 << 24).split(separator: UInt8(ascii: "\n"))
        #expect(lines.count == 1905)
        for line in lines {
            let golden = try JSONValue(parsing: Array(line))
            let text = try #require(golden["ua"]?.stringValue)
            let members = ["os_name", "os_version", "browser_name", "browser_version"]
            let expected = members.compactMap { golden[$0]?.stringValue }
            #expect((parts(text) ?? []) == expected, "\(text)")
        }
    }

    @Test func `names systems and browsers`() {
        #expect(parts(chrome) == ["Windows", "10", "Chrome", "120.0.0.0"])
        #expect(
            parts(
                "Mozilla/5.0 (iPhone; CPU iPhone OS 16_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) "
                    + "Version/16.6 Mobile/15E148 Safari/604.1"
            ) == ["iOS", "16.6", "Mobile Safari", "16.6"]
        )
        #expect(
            parts("Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:109.0) Gecko/20100101 Firefox/115.0")
                == ["Ubuntu", "0.0.0", "Firefox", "115.0"]
        )
        #expect(parts("curl/8.1.2") == ["Other", "0.0.0", "Other", "0.0.0"])
        #expect(
            parts("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")
                == ["Other", "0.0.0", "Googlebot", "2.1"]
        )
    }

    @Test func `versions have at most four parts, the second of digits only`() {
        #expect(parts("Firefox/1.2b3.4.5.6")?[3] == "1.2.4.5")
        #expect(parts("Firefox/1_2,3.")?[3] == "1.2.3")
        #expect(parts("YaBrowser/1.2.3.4")?[3] == "1.2.3")
        #expect(parts("Firefox/.")?[3] == "")
        #expect(parts("Windows NT 6.2")?[1] == "0.0.0")
    }

    @Test func `looks at 1000 bytes and no more`() {
        let padding = String(repeating: "x", count: 1000 - chrome.utf8.count)
        #expect(parts(chrome + padding)?[0] == "Windows")
        #expect(parts(chrome + padding + "x") == nil)
        #expect(parts(chrome + String(repeating: "é", count: 1 + padding.utf8.count / 2)) == nil)
    }

    @Test func `finds nothing in nothing`() {
        for text in ["", " ", ";", "()", "/", "\u{301}", "\u{212A}indle/1"] {
            #expect(parts(text) == ["Other", "0.0.0", "Other", "0.0.0"], "\(text)")
        }
    }

    @Test func `every start of a text can be read`() {
        let text = Array((chrome + " Mac OS CrOS CPU OS Windows XP iPad4 Kindle/ CFNetwork/1é Better Uptime").utf8)
        for count in text.indices {
            let start = UserAgent(String(decoding: text[..<count], as: UTF8.self))
            let end = UserAgent(String(decoding: text[count...], as: UTF8.self))
            #expect(start != nil && end != nil)
        }
    }
}
