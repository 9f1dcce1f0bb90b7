// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Logging

/// Cuts the texts of log lines, since a server's answer or a document may have any length.
struct BoundedLogHandler: LogHandler {
    /// Characters of a message, and of each value of its metadata.
    static let maxCharacters = 400

    private var base: any LogHandler

    init(_ base: any LogHandler) { self.base = base }

    var logLevel: Logger.Level {
        get { base.logLevel }
        set { base.logLevel = newValue }
    }

    var metadata: Logger.Metadata {
        get { base.metadata }
        set { base.metadata = newValue }
    }

    var metadataProvider: Logger.MetadataProvider? {
        get { base.metadataProvider }
        set { base.metadataProvider = newValue }
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { base[metadataKey: key] }
        set { base[metadataKey: key] = newValue }
    }

    func log(event: LogEvent) {
        var event = event
        if let text = Self.cut(event.message.description) { event.message = "\(text)" }
        event.metadata = event.metadata?.mapValues { value in
            guard case .string(let text) = value, let text = Self.cut(text) else { return value }
            return .string(text)
        }
        base.log(event: event)
    }

    /// The beginning of a text that is too long; nil if it is not.
    private static func cut(_ text: String) -> String? {
        guard let end = text.index(text.startIndex, offsetBy: maxCharacters, limitedBy: text.endIndex),
            end < text.endIndex
        else { return nil }
        return text[..<end] + "...[TRUNCATED]"
    }
}

extension Logger {
    /// The same logger, with texts of bounded length.
    var bounded: Logger { Logger(label: label) { _ in BoundedLogHandler(handler) } }
}
