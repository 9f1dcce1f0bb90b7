// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FloodgateServer
import Logging
import Synchronization
import Testing

@Suite("Log lines") struct LoggingTests {
    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    private func line(_ format: LogFormat, _ log: (Logger) -> Void) -> String {
        let lines = Lines()
        let logger = Logger(label: "floodgate") { label in
            LineLogHandler(label: label, format: format, level: .info, now: { 1_750_000_360_123 }) { line in
                lines.all.withLock { $0.append(line) }
            }
        }
        log(logger)
        return lines.all.withLock { $0.joined() }
    }

    @Test func `are JSON for programs`() throws {
        let text = line(.json) { logger in
            var logger = logger
            logger[metadataKey: "b"] = "two\nlines"
            logger.info("Hello", metadata: ["a": .stringConvertible(1), "level": "x", "list": ["u", "v"]])
        }
        #expect(text.hasSuffix("\n") && text.split(separator: "\n").count == 1)
        let object = try JSONValue(parsing: text)
        #expect(object["time"] == "2025-06-15T15:12:40.123Z")
        #expect(object["level"] == "info")
        #expect(object["message"] == "Hello")
        #expect(object["a"] == 1)
        #expect(object["b"] == "two\nlines")
        #expect(object["metadata.level"] == "x")
        #expect(object["list"] == ["u", "v"])
    }

    @Test func `are one line each for people`() {
        let text = line(.text) { $0.warning("Hello", metadata: ["b": "two\nlines\u{1B}[0m", "a": "1"]) }
        #expect(text == "2025-06-15T15:12:40.123Z WARNING Hello a=1 b=two lines [0m\n")
    }

    @Test func `leave out what is below the level`() { #expect(line(.text) { $0.debug("Hello") }.isEmpty) }

    @Test(
        arguments: [
            (0, "1970-01-01T00:00:00.000Z"), (951_782_400_000, "2000-02-29T00:00:00.000Z"),
            (-1, "1969-12-31T23:59:59.999Z"), (4_107_542_399_999, "2100-02-28T23:59:59.999Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
        ] as [(Int64, String)]
    )
    func `tell the time in UTC`(time: Int64, text: String) { #expect(SystemClock.text(time) == text) }
}
