// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateJSON
package import Logging

/// Writes each log event as one line to standard error.
package struct LineLogHandler: LogHandler {
    package var logLevel: Logger.Level
    package var metadata: Logger.Metadata = [:]
    package var metadataProvider: Logger.MetadataProvider?

    private let label: String
    private let format: LogFormat
    private let now: @Sendable () -> Int64
    private let write: @Sendable (String) -> Void

    /// Makes a handler for the logger `label`.
    /// - Parameters:
    ///   - label: Which part of the program speaks.
    ///   - format: What a line looks like.
    ///   - level: The least level that is written.
    ///   - now: The current time in Unix milliseconds.
    ///   - write: Takes one line with its end; by default standard error.
    package init(
        label: String,
        format: LogFormat,
        level: Logger.Level,
        now: @escaping @Sendable () -> Int64 = SystemClock.now,
        write: @escaping @Sendable (String) -> Void = StandardStreams.error
    ) {
        self.label = label
        self.format = format
        self.logLevel = level
        self.now = now
        self.write = write
    }

    package subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    package func log(event: LogEvent) {
        var all = metadata
        if let provided = metadataProvider?.get() { all.merge(provided) { _, new in new } }
        if let given = event.metadata { all.merge(given) { _, new in new } }
        let time = SystemClock.text(now())
        let line =
            switch format {
            case .json: jsonLine(event, all, time)
            case .text: textLine(event, all, time)
            }
        // Nothing of ours logs a key; what libraries say of an error may hold an address with one.
        write(KeyRedaction.redacted(line, shortest: 16))
    }

    private func jsonLine(_ event: LogEvent, _ metadata: Logger.Metadata, _ time: String) -> String {
        var object: JSONObject = [
            "time": .string(time), "level": .string(event.level.rawValue), "logger": .string(label),
            "message": .string("\(event.message)"),
        ]
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) {
            object[object[key] == nil ? key : "metadata.\(key)"] = Self.json(value)
        }
        return JSONValue.object(object).text + "\n"
    }

    private func textLine(_ event: LogEvent, _ metadata: Logger.Metadata, _ time: String) -> String {
        var line = "\(time) \(event.level.rawValue.uppercased()) \(event.message)"
        for (key, value) in metadata.sorted(by: { $0.key < $1.key }) { line += " \(key)=\(value)" }
        // One event is one line, whatever a value holds.
        let safe = line.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : String($0) }
        return safe.joined() + "\n"
    }

    private static func json(_ value: Logger.Metadata.Value) -> JSONValue {
        switch value {
        case .string(let text): .string(text)
        case .stringConvertible(let number as any BinaryInteger): .integer(Int64(clamping: number))
        case .stringConvertible(let flag as Bool): .bool(flag)
        case .stringConvertible(let value): .string("\(value)")
        case .array(let values): .array(values.map(json))
        case .dictionary(let members):
            .object(JSONObject(members.sorted { $0.key < $1.key }.map { ($0.key, json($0.value)) }))
        }
    }
}
