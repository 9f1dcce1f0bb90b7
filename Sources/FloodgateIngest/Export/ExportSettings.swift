// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateEvents
internal import Foundation

/// Why a text is no setting of an export.
package struct ExportMistake: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String
}

/// Where events are exported to as files, as in `ndjson:/var/lib/export` or `parquet:/var/lib/export`.
package struct ExportSettings: Sendable, Hashable {
    /// How rows are written.
    package enum Format: String, Sendable, CaseIterable {
        /// JSON Lines, compressed with gzip.
        case ndjson
        /// JSON Lines, compressed with zstd.
        case ndjsonZstd = "ndjson-zstd"
        /// Parquet.
        case parquet

        /// How files end.
        package var suffix: String {
            switch self {
            case .ndjson: "ndjson.gz"
            case .ndjsonZstd: "ndjson.zst"
            case .parquet: "parquet"
            }
        }
    }

    /// How long events may wait for their file: from a second to an hour.
    package static let intervals: ClosedRange<Duration> = .seconds(1) ... .seconds(3_600)

    /// The folder, as an absolute path.
    package let folder: String
    /// How rows are written.
    package let format: Format
    /// How long events wait for their file, so that there are not too many; 5 minutes by default.
    package let interval: Duration

    /// Reads `FORMAT:FOLDER`.
    /// - Throws: `ExportMistake` that says what to write.
    package init(_ text: String, interval: Duration = .seconds(300)) throws(ExportMistake) {
        let formats = Format.allCases.map(\.rawValue).joined(separator: ", ")
        guard let colon = text.firstIndex(of: ":"), let format = Format(rawValue: String(text[..<colon])) else {
            throw ExportMistake(
                description: "\"\(text)\" is no export; write FORMAT:FOLDER, where FORMAT is one of \(formats)"
            )
        }
        let path = String(text[text.index(after: colon)...])
        guard !path.isEmpty, !path.unicodeScalars.contains("\0") else {
            throw ExportMistake(description: "\"\(text)\" names no folder; write \(format.rawValue):FOLDER")
        }
        guard Self.intervals.contains(interval) else {
            throw ExportMistake(description: "\(interval) is no interval of an export; write from 1 s to 1 h")
        }
        self.format = format
        self.interval = interval
        folder = URL(fileURLWithPath: path).standardizedFileURL.path
    }
}

/// Where events are posted to.
package struct WebhookSettings: Sendable, Hashable {
    /// The address, with `http` or `https`.
    package let url: String
    /// What posts are signed with.
    package let secret: String
    /// Which events are posted.
    package let filter: EventFilter

    /// Checks the address and the secret, and reads the filter; an empty one lets all events through.
    /// - Throws: `ExportMistake` that says what is wrong; it does not hold the secret.
    package init(url: String, secret: String, filter: String = "") throws(ExportMistake) {
        guard let parts = URLComponents(string: url), let scheme = parts.scheme?.lowercased(),
            ["http", "https"].contains(scheme), let host = parts.host, !host.isEmpty
        else {
            throw ExportMistake(description: "\"\(url)\" is no address of a webhook; write https://HOST/PATH")
        }
        guard !secret.isEmpty else {
            throw ExportMistake(description: "A webhook needs a secret that its posts are signed with; give it one")
        }
        self.url = url
        self.secret = secret
        do {
            self.filter = try EventFilter(filter)
        } catch {
            throw ExportMistake(description: error.description)
        }
    }
}
