// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateWarehouse
import NIOCore

/// Rows as they are inserted: each says its day and block.
enum BlockRows {
    /// Puts both in front of the members of each line.
    static func marked(_ rows: [UInt8], day: ArrivalDay, block: String) -> ByteBuffer {
        // A block's id is letters, digits, - and _: there is nothing to escape.
        let mark = Array(#"{"day":"\#(day.text)","block":"\#(block)","#.utf8)
        var data = ByteBuffer()
        // Rows are some hundreds of bytes.
        data.reserveCapacity(rows.count + (rows.count / 200 + 1) * mark.count)
        rows.withUnsafeBytes { rows in
            var rest = rows[...]
            while !rest.isEmpty {
                let end = rest.firstIndex(of: 0x0A) ?? rest.endIndex
                let line = rest[..<end]
                // What is not an object goes as it is, for the server to refuse.
                if line.first == 0x7B {
                    data.writeBytes(mark)
                    data.writeBytes(line.dropFirst())
                } else {
                    data.writeBytes(line)
                }
                data.writeInteger(0x0A as UInt8)
                rest = rest[min(end + 1, rest.endIndex)...]
            }
        }
        return data
    }

    /// Puts both in front of the values of each row; the table's columns begin with them.
    static func marked(packed rows: [UInt8], of table: WarehouseTable, day: ArrivalDay, block: String) -> ByteBuffer {
        let kinds = table.columns.map(\.kind)
        let mark =
            withUnsafeBytes(of: UInt16(clamping: day.number).littleEndian) { Array($0) }
            + [UInt8(clamping: block.utf8.count)] + Array(block.utf8)
        var data = ByteBuffer()
        data.reserveCapacity(rows.count + (rows.count / 100 + 1) * mark.count)
        rows.withUnsafeBytes { rows in
            var rest = rows[...]
            while !rest.isEmpty {
                // What is no whole row goes as it is, for the server to refuse.
                let length = length(ofRowIn: rest, kinds) ?? rest.count
                data.writeBytes(mark)
                data.writeBytes(UnsafeRawBufferPointer(rebasing: rest.prefix(length)))
                rest = rest.dropFirst(length)
            }
        }
        return data
    }

    /// How long the first row is; nil if it lacks its end.
    private static func length(ofRowIn rows: Slice<UnsafeRawBufferPointer>, _ kinds: [WarehouseTable.Kind]) -> Int? {
        var rest = rows
        for kind in kinds {
            var count =
                switch kind {
                case .id: 16
                case .integer, .time: 8
                case .flag: 1
                case .optionalNumber: rest.first == 0 ? 9 : 1
                case .text, .word: 0
                }
            if kind == .text || kind == .word {
                var shift = 0
                repeat {
                    guard let byte = rest.popFirst(), shift <= 28 else { return nil }
                    count |= Int(byte & 0x7F) << shift
                    shift = byte < 0x80 ? .max : shift + 7
                } while shift < .max
            }
            guard rest.count >= count else { return nil }
            rest = rest.dropFirst(count)
        }
        return rows.count - rest.count
    }
}
