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
}
