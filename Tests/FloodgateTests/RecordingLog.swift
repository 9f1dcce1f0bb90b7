// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateGzip
import Logging
import Synchronization

/// A log that tests can read.
final class RecordingLog: Sendable {
    private let recorded = Mutex<[String]>([])

    /// Level, message and metadata of each line.
    var lines: [String] { recorded.withLock { $0 } }

    /// A logger that writes here, debug lines included.
    var logger: Logger { Logger(label: "test") { _ in Handler(log: self) } }

    private struct Handler: LogHandler {
        let log: RecordingLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.debug

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            let more = (event.metadata ?? [:]).map { "\($0.key)=\($0.value)" }.sorted().joined(separator: " ")
            log.recorded.withLock { $0.append("\(event.level) \(event.message) \(more)") }
        }
    }
}

/// Bodies in the encodings that servers use.
enum Compressed {
    static func gzip(_ bytes: [UInt8]) throws -> [UInt8] { try Gzip.compress(bytes) }

    /// A whole answer in chunked transfer coding.
    static func chunked(_ bytes: [UInt8]) -> [UInt8] {
        var answer = Array("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n".utf8)
        var rest = bytes[...]
        while !rest.isEmpty {
            let chunk = rest.prefix(100)
            rest = rest.dropFirst(100)
            answer += Array((String(chunk.count, radix: 16) + "\r\n").utf8) + chunk + Array("\r\n".utf8)
        }
        return answer + Array("0\r\n\r\n".utf8)
    }
}
