// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON

/// How the rows of a block are written.
package enum RowForm: Sendable, Hashable {
    /// JSON Lines: one object a row, with the columns of `WarehouseTable`.
    case lines
    /// The columns' values one after the other, as in ClickHouse's RowBinary; a third of the bytes, and nothing to parse.
    ///
    /// Ids are two 64-bit words, whole numbers 64 bits, flags a byte, optional numbers a byte that is 1 for null, else 0 and a
    /// double, all with the lowest byte first; texts are their length (LEB128) and their UTF-8.
    case packed
}

extension WarehouseTable {
    /// A row in the packed form; nil if it has not exactly the table's columns, each of its kind.
    package func packed(_ row: JSONObject) -> [UInt8]? {
        guard row.count == columns.count else { return nil }
        var bytes: [UInt8] = []
        for column in columns {
            guard let value = row[column.name] else { return nil }
            switch column.kind {
            case .id:
                guard let id = value.stringValue, let words = Self.words(of: id) else { return nil }
                for word in words { bytes.append(littleEndian: word) }
            case .text, .word:
                guard let text = value.stringValue else { return nil }
                bytes.append(text: text)
            case .integer, .time:
                guard let number = value.integerValue else { return nil }
                bytes.append(littleEndian: UInt64(bitPattern: number))
            case .flag:
                guard value == 0 || value == 1 else { return nil }
                bytes.append(value == 1 ? 1 : 0)
            case .optionalNumber:
                bytes.append(value.isNull ? 1 : 0)
                if value.isNull { continue }
                guard let number = value.doubleValue else { return nil }
                bytes.append(littleEndian: number.bitPattern)
            }
        }
        return bytes
    }

    private static func words(of id: String) -> [UInt64]? {
        let digits = id.utf8.filter { $0 != 0x2D }
        guard digits.count == 32 else { return nil }
        let words = [digits.prefix(16), digits.suffix(16)].compactMap {
            UInt64(String(decoding: $0, as: UTF8.self), radix: 16)
        }
        return words.count == 2 ? words : nil
    }
}

extension [UInt8] {
    fileprivate mutating func append(littleEndian word: UInt64) {
        Swift.withUnsafeBytes(of: word.littleEndian) { append(contentsOf: $0) }
    }

    fileprivate mutating func append(text: String) {
        var length = text.utf8.count
        while length >= 0x80 {
            append(UInt8(truncatingIfNeeded: length) | 0x80)
            length >>= 7
        }
        append(UInt8(length))
        append(contentsOf: text.utf8)
    }
}
