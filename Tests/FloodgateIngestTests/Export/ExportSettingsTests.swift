// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateIngest
import Testing

@Suite("Export settings") struct ExportSettingsTests {
    @Test func `reads a format and a folder`() throws {
        let settings = try ExportSettings("ndjson:/var/lib/a:b/../out")
        #expect(settings.format == .ndjson && settings.folder == "/var/lib/out" && settings.interval == .seconds(300))
        #expect(try ExportSettings("parquet:/out", interval: .seconds(60)).interval == .seconds(60))
        #expect(try ExportSettings("ndjson-zstd:out").folder.hasSuffix("/out"))
        #expect(try ExportSettings("ndjson:out").folder.hasPrefix("/"), "a child has another working folder, perhaps")
    }

    @Test(arguments: ["", "/out", "csv:/out", "ndjson:", "NDJSON:/out", "ndjson:/a\0b"])
    func `refuses what is no export`(text: String) {
        let mistake = #expect(throws: ExportMistake.self) { try ExportSettings(text) }
        #expect(mistake?.description.contains("write ") == true)
    }

    @Test(arguments: [Duration.zero, .milliseconds(999), .seconds(3_601), .seconds(-1)])
    func `refuses intervals that are too short or too long`(interval: Duration) {
        #expect(throws: ExportMistake.self) { try ExportSettings("ndjson:/out", interval: interval) }
    }

    @Test func `reads an address, a secret and a filter`() throws {
        let settings = try WebhookSettings(url: "https://example.com/h?a=b", secret: "s", filter: "gate=checkout")
        #expect(settings.url == "https://example.com/h?a=b" && settings.secret == "s" && !settings.filter.isEmpty)
        #expect(try WebhookSettings(url: "http://[::1]:8080", secret: "s").filter.isEmpty)
    }

    @Test(arguments: ["", "example.com/h", "ftp://example.com", "https://", "https:///h", "https://exa mple.com"])
    func `refuses what is no address`(url: String) {
        #expect(throws: ExportMistake.self) { try WebhookSettings(url: url, secret: "s") }
    }

    @Test func `refuses to go without a secret, and filters that are none`() {
        #expect(throws: ExportMistake.self) { try WebhookSettings(url: "https://example.com", secret: "") }
        let mistake = #expect(throws: ExportMistake.self) {
            try WebhookSettings(url: "https://example.com", secret: "hush", filter: "colour=red")
        }
        #expect(mistake?.description.contains("colour") == true && mistake?.description.contains("hush") == false)
    }
}
