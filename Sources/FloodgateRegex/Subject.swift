// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// A text as the symbols of a pattern's alphabet.
struct Subject {
    let symbols: [UInt16]
    /// What assertions see after each position, with the edges of the text on both sides: one more than positions.
    let kinds: [ScalarKind]
    /// Present for searches that compare parts of the text.
    let scalars: [UInt32]

    init(_ utf8: UnsafeBufferPointer<UInt8>, alphabet: Alphabet, keepsScalars: Bool) {
        var symbols: [UInt16] = []
        var kinds: [ScalarKind] = [.edge]
        var scalars: [UInt32] = []
        symbols.reserveCapacity(utf8.count)
        kinds.reserveCapacity(utf8.count + 2)
        var position = 0
        while position < utf8.count {
            let scalar = decodeScalar(utf8, &position)
            let symbol = alphabet.symbol(of: scalar)
            symbols.append(symbol)
            kinds.append(alphabet.kinds[Int(symbol)])
            if keepsScalars { scalars.append(scalar) }
        }
        kinds.append(.edge)
        self.symbols = symbols
        self.kinds = kinds
        self.scalars = scalars
    }

    /// How many scalars there are.
    var count: Int { symbols.count }

    @inline(__always)
    func holds(_ assertion: Assertion, at position: Int) -> Bool {
        assertion.holds(between: kinds[position], and: kinds[position + 1])
    }
}

/// Reads one scalar and moves past it; in bytes that are not UTF-8 it reads some scalar and stays within bounds.
@inline(__always)
func decodeScalar(_ utf8: UnsafeBufferPointer<UInt8>, _ position: inout Int) -> UInt32 {
    let first = UInt32(utf8[position])
    position += 1
    if first < 0x80 { return first }
    var remaining = first < 0xE0 ? 1 : first < 0xF0 ? 2 : 3
    var scalar = first & (first < 0xE0 ? 0x1F : first < 0xF0 ? 0x0F : 0x07)
    while remaining > 0, position < utf8.count {
        scalar = scalar << 6 | UInt32(utf8[position] & 0x3F)
        position += 1
        remaining -= 1
    }
    return min(scalar, ScalarSet.maximum)
}
