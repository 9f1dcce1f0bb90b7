// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Entity tags as requests name them (RFC 9110 §8.8.3).
package enum EntityTags {
    /// Whether `list`, the value of an `If-None-Match` field, names `tag`, quotes included, or all there are.
    ///
    /// Weak tags match strong ones, as §13.1.2 has it for this field. What cannot be read names nothing.
    package static func list(_ list: UnsafeRawBufferPointer, names tag: [UInt8]) -> Bool {
        // What nearly all send.
        if list.elementsEqual(tag) { return true }
        let (quote, comma) = (UInt8(ascii: "\""), UInt8(ascii: ","))
        if list.elementsEqual("*".utf8) { return true }
        var position = 0
        while position < list.count {
            if Bytes.isBlank(list[position]) || list[position] == comma {
                position += 1
                continue
            }
            if list[position] == UInt8(ascii: "W"), position + 1 < list.count, list[position + 1] == UInt8(ascii: "/") {
                position += 2
            }
            guard position < list.count, list[position] == quote else { return false }
            guard let end = list[(position + 1)...].firstIndex(of: quote) else { return false }
            if list[position...end].elementsEqual(tag) { return true }
            position = end + 1
        }
        return false
    }
}
