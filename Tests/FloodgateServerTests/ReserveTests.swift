// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateServer
import Foundation
import Testing

@Suite("Reserve of disk space") struct ReserveTests {
    private let folder = DataFolder(path: FileManager.default.temporaryDirectory.path + "/reserve-\(UUID().uuidString)")

    /// Bytes that the file takes on the disk; nil if there is none.
    private var taken: Int? {
        var status = stat()
        guard stat(folder.reserveFile, &status) == 0 else { return nil }
        return Int(status.st_blocks) * 512
    }

    @Test func `takes room and gives it back`() throws {
        try folder.prepare()
        defer { try? FileManager.default.removeItem(atPath: folder.path) }
        folder.releaseReserve()
        #expect(taken == nil)
        for _ in 1...2 {
            folder.holdReserve(3 << 20)
            let size = try #require(taken)
            #expect(3 << 20..<4 << 20 ~= size, "once, however often it is asked for")
        }
        folder.releaseReserve()
        #expect(taken == nil)
    }

    @Test func `grows when it is asked for more, and never shrinks`() throws {
        try folder.prepare()
        defer { try? FileManager.default.removeItem(atPath: folder.path) }
        for (asked, held) in [(1 << 20, 1 << 20), (3 << 20, 3 << 20), (2 << 20, 3 << 20), (0, 3 << 20)] {
            folder.holdReserve(asked)
            #expect(taken == held)
        }
    }

    @Test func `leaves no file where there is no room`() throws {
        try folder.prepare()
        defer { try? FileManager.default.removeItem(atPath: folder.path) }
        folder.holdReserve(0)
        #expect(taken == nil)
    }

    @Test func `is no reason to fail where there is no folder`() {
        folder.holdReserve(1 << 20)
        folder.releaseReserve()
        #expect(taken == nil)
    }
}
