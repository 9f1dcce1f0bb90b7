// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateCountries

/// Finds the country of an IPv4 address in the table that is part of the program.
///
/// The format is described in `Scripts/countries.py`. A look-up is a binary search in the index and the decoding of at
/// most one block of ranges, in place.
package enum CountryTable {
    /// The two-letter code of the country that `text` belongs to.
    ///
    /// Nil for anything but four parts between dots, for addresses above 255.255.255.255 or below 0.0.0.0 and for
    /// networks of no country. Each part may be any signed 64-bit integer, leading zeros included, as official SDKs take
    /// them.
    package static func country(ofIPv4Text text: String) -> String? {
        guard let address = address(text) else { return nil }
        return reader.flatMap { $0.country(ofNetwork: Int(address >> 8)) }
    }

    private static func address(_ text: String) -> UInt32? {
        UnsafeBufferPointer.reading(text) { bytes in
            // Four 64-bit parts, shifted by at most 24 bits, do not overflow 128 bits.
            var address: Int128 = 0
            var (start, parts) = (0, 0)
            while start <= bytes.count {
                var end = start
                while end < bytes.count, bytes[end] != UInt8(ascii: ".") { end += 1 }
                guard parts < 4, let part = NumberText.integer(UnsafeBufferPointer(rebasing: bytes[start..<end]))
                else { return nil }
                address = address * 256 + Int128(part)
                (start, parts) = (end + 1, parts + 1)
            }
            return parts == 4 ? UInt32(exactly: address) : nil
        }
    }

    private static var reader: Reader? {
        Reader(UnsafeRawBufferPointer(start: floodgate_countries(), count: floodgate_countries_length()))
    }

    /// Where the parts of the table lie.
    private struct Reader {
        private let bytes: UnsafeRawBufferPointer
        private let codes = 16
        private let pairs: Int
        private let index: Int
        private let blocks: Int
        private let ranges: Int

        /// Nil if the lengths in the head do not add up to that of `bytes`.
        init?(_ bytes: UnsafeRawBufferPointer) {
            guard bytes.count > 16, bytes[0] == UInt8(ascii: "F"), bytes[3] == UInt8(ascii: "1") else { return nil }
            self.bytes = bytes
            pairs = codes + 2 * Int(bytes[4])
            index = pairs + 3 * Int(bytes[5])
            blocks = Int(UInt32(littleEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt32.self)))
            ranges = index + 6 * blocks
            guard blocks > 0, ranges < bytes.count else { return nil }
        }

        func country(ofNetwork network: Int) -> String? {
            var (low, high) = (0, blocks)
            while high - low > 1 {
                let middle = (low + high) / 2
                if integer(at: index + 6 * middle, bytes: 3) <= network { low = middle } else { high = middle }
            }
            var end = integer(at: index + 6 * low, bytes: 3)
            var at = ranges + integer(at: index + 6 * low + 3, bytes: 3)
            while at < bytes.count {
                let first = Int(bytes[at])
                at += 1
                let code: Int
                if first < 255 {
                    end += integer(at: pairs + 3 * first, bytes: 2)
                    code = Int(bytes[pairs + 3 * first + 2])
                } else {
                    var (count, shift) = (0, 0)
                    while at < bytes.count {
                        let byte = bytes[at]
                        count |= Int(byte & 0x7F) << shift
                        (at, shift) = (at + 1, shift + 7)
                        if byte < 0x80 { break }
                    }
                    guard at < bytes.count else { return nil }
                    end += count
                    code = Int(bytes[at])
                    at += 1
                }
                if end > network { return name(of: code) }
            }
            return nil
        }

        private func name(of code: Int) -> String? {
            let name = UnsafeRawBufferPointer(rebasing: bytes[(codes + 2 * code)..<(codes + 2 * code + 2)])
            return name[0] == UInt8(ascii: "-") ? nil : String(decoding: name, as: UTF8.self)
        }

        private func integer(at offset: Int, bytes count: Int) -> Int {
            var value = 0
            for index in 0..<count { value |= Int(bytes[offset + index]) << (8 * index) }
            return value
        }
    }
}
