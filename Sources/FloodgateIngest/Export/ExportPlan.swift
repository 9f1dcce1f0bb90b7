// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON
internal import FloodgateWarehouse

/// An hour by the clock of the server that events arrive at, in UTC.
struct ExportHour: Sendable, Hashable {
    /// Hours since 1970.
    let number: Int64

    init(number: Int64) { self.number = number }

    /// The hour of a time in Unix milliseconds.
    init(of milliseconds: Int64) {
        number = milliseconds / 3_600_000 - (milliseconds % 3_600_000 < 0 ? 1 : 0)
    }

    var day: ArrivalDay { ArrivalDay(of: number.multipliedReportingOverflow(by: 3_600_000).partialValue) }

    /// When it is over, in Unix milliseconds.
    var end: Int64 { (number &+ 1).multipliedReportingOverflow(by: 3_600_000).partialValue }

    /// The folder of a table's files: `exposures/date=2025-06-15/hour=09`.
    func folder(of table: WarehouseTable) -> String {
        let hour = (number % 24 + 24) % 24
        return "\(table.rawValue)/date=\(day.text)/hour=\(hour < 10 ? "0" : "")\(hour)"
    }
}

/// A stretch of the log that is exported as one file for each table that it has rows of.
struct ExportPiece: Sendable, Hashable {
    /// The positions of its first and its last batch.
    var first: Int64
    var last: Int64
    /// The hour that its batches arrived in.
    var hour: ExportHour

    /// How its files are called, but for the ending; equal for the same stretch.
    func name(of node: String) -> String { "\(Self.word(node))-\(first)-\(last)" }

    /// A node's name in letters that file names and object stores take; short, and different for different names.
    static func word(_ node: String) -> String {
        var word = ""
        for byte in node.utf8 {
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"):
                word.unicodeScalars.append(Unicode.Scalar(byte))
            case UInt8(ascii: ".") where !word.isEmpty: word.append(".")
            default: word += "_" + String(byte, radix: 16)
            }
        }
        guard word.utf8.count > 100 else { return word }
        return "\(word.prefix(60))__\(String(EventIdentity.seed(environment: node), radix: 16))"
    }
}

/// How far an export is: all up to a position, and the piece under way, which is written under the same name after a crash.
struct ExportPlan: Sendable, Hashable {
    /// The name of the log: positions in another say nothing.
    var node: String
    var position: Int64 = 0
    var piece: ExportPiece?

    init(node: String) { self.node = node }

    /// Reads what `bytes` says; nil if it does not say it as `bytes` does.
    init?(_ bytes: [UInt8]) {
        guard let object = try? JSONValue(parsing: bytes).objectValue, let node = object.text("node"),
            let position = object["position"]?.integerValue
        else { return nil }
        self.node = node
        self.position = position
        guard let value = object["piece"], !value.isNull else { return }
        guard let parts = value.arrayValue?.compactMap(\.integerValue), parts.count == 3 else { return nil }
        piece = ExportPiece(first: parts[0], last: parts[1], hour: ExportHour(number: parts[2]))
    }

    var bytes: [UInt8] {
        var writer = JSONWriter()
        let stretch = piece.map { JSONValue.array([.integer($0.first), .integer($0.last), .integer($0.hour.number)]) }
        writer.write(.object(["node": .string(node), "position": .integer(position), "piece": stretch ?? .null]))
        return writer.bytes
    }
}
