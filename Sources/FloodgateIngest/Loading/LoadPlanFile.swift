// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON
internal import FloodgateWarehouse
internal import Foundation

/// The stretches of the log that are being loaded, in a small file: after a crash the same ones are loaded under the same ids.
package struct LoadPlanFile: Sendable {
    private let path: String

    /// A plan at `path`; the file is made with the first plan.
    package init(path: String) { self.path = path }

    /// Whether a plan was ever written there.
    package var exists: Bool { FileManager.default.fileExists(atPath: path) }

    /// The pieces in order; none if there is no plan that can be read.
    package func read() -> [LoadPiece] {
        guard let content = FileManager.default.contents(atPath: path),
            let value = try? JSONValue(parsing: Array(content))
        else { return [] }
        return Self.pieces(value) ?? []
    }

    /// The pieces that `value(_:)` has written; nil if they do not read.
    static func pieces(_ value: JSONValue) -> [LoadPiece]? {
        guard let list = value.arrayValue else { return nil }
        let pieces = list.compactMap(piece)
        return pieces.count == list.count ? pieces : nil
    }

    /// `pieces` as they are written.
    static func value(_ pieces: [LoadPiece]) -> JSONValue { .array(pieces.map(value)) }

    /// Keeps `pieces`; on return they are on the disk.
    /// - Throws: `.storage` if they are not.
    package func write(_ pieces: [LoadPiece]) throws(EventLogError) {
        var writer = JSONWriter()
        writer.write(Self.value(pieces))
        let draft = path + ".new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        guard descriptor >= 0 else { throw error() }
        let bytes = writer.bytes
        let isWritten = Foundation.write(descriptor, bytes, bytes.count) == bytes.count && fsync(descriptor) == 0
        close(descriptor)
        guard isWritten, rename(draft, path) == 0 else { throw error() }
        let folder = open((path as NSString).deletingLastPathComponent, O_RDONLY | O_CLOEXEC)
        guard folder >= 0 else { throw error() }
        defer { close(folder) }
        guard fsync(folder) == 0 else { throw error() }
    }

    private func error() -> EventLogError {
        EventLogError(.storage, "the plan \(path) cannot be written: \(String(cString: strerror(errno)))")
    }

    private static func value(_ piece: LoadPiece) -> JSONValue {
        [
            .integer(piece.start.position), .integer(piece.start.number), .integer(piece.end.position),
            .integer(piece.end.number), .integer(Int64(piece.day.number)), .text(piece.deadReason),
            piece.storedAt.map { .integer($0) } ?? .null,
        ]
    }

    private static func piece(_ value: JSONValue) -> LoadPiece? {
        guard let parts = value.arrayValue, 6...7 ~= parts.count else { return nil }
        let numbers = parts.prefix(5).compactMap(\.integerValue)
        guard numbers.count == 5, let first = Int(exactly: numbers[1]), let last = Int(exactly: numbers[3]),
            let day = Int32(exactly: numbers[4])
        else { return nil }
        return LoadPiece(
            from: LogCursor(position: numbers[0], number: first),
            to: LogCursor(position: numbers[2], number: last),
            day: ArrivalDay(number: day),
            deadReason: parts[5].stringValue,
            // Absent in plans of earlier versions.
            storedAt: parts.count > 6 ? parts[6].integerValue : nil
        )
    }
}
