// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import Testing

@Suite("Sizes of files") struct FileSizeTests {
    @Test(arguments: [0, 51_782, 5_000_000_000] as [UInt])
    func `are read as programs without all of Foundation get them`(size: UInt) {
        #expect(FileSize.bytes(size) == Int(size))
        #expect(FileSize.bytes(UInt64(size)) == Int(size))
    }

    @Test func `are none where the attribute is missing or beyond all numbers`() {
        #expect(FileSize.bytes(nil) == nil)
        #expect(FileSize.bytes(UInt.max) == nil)
    }
}
