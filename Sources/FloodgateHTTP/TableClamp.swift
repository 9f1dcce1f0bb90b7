// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Makes the HPACK table that a client offers for answers no larger than the one that it has anyway.
///
/// NIO's encoder takes any size, up to 4 GiB, and for each field of each answer it looks through the whole table: a
/// client that offers a large one makes every answer dearer than the one before. Nobody has to use all that is offered
/// (RFC 7541 §4.2), so the setting is lowered before the frame handler sees it, byte by byte as it comes.
struct TableClamp {
    /// A byte to put in the place of another.
    struct Patch: Equatable {
        let offset: Int
        let byte: UInt8
    }

    /// The highest value, of whose four bytes the first two are 0; 4,096 is what holds without the setting.
    private static let (third, fourth): (UInt8, UInt8) = (0x0F, 0xFF)
    private static let settingLength = 6

    /// Bytes of settings that are still to come.
    private var left = 0
    /// Which byte of a setting is next: two are its name, four its value.
    private var place = 0
    private var isTable = false
    private var isTooLarge = false

    /// Begins with a SETTINGS frame of `length` bytes.
    mutating func begin(length: Int) { (left, place) = (length, 0) }

    /// Reads what there is of the frame from `offset` on.
    /// - Returns: What to change.
    mutating func read(_ bytes: UnsafeRawBufferPointer, from offset: Int) -> [Patch] {
        var patches: [Patch] = []
        let end = min(offset + left, bytes.count)
        left -= end - offset
        for offset in offset..<end {
            if let byte = replacement(for: bytes[offset]) { patches.append(Patch(offset: offset, byte: byte)) }
            place = (place + 1) % Self.settingLength
        }
        return patches
    }

    private mutating func replacement(for byte: UInt8) -> UInt8? {
        switch place {
        case 0: (isTable, isTooLarge) = (byte == 0, false)
        case 1: isTable = isTable && byte == 1
        case 2, 3:
            guard isTable, byte > 0 else { return nil }
            isTooLarge = true
            return 0
        case 4:
            guard isTable, isTooLarge || byte > Self.third else { return nil }
            isTooLarge = true
            return Self.third
        default: if isTable, isTooLarge { return Self.fourth }
        }
        return nil
    }
}
