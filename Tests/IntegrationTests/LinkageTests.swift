// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import Testing

@Suite("Linkage") struct LinkageTests {
    @Test func `the core needs no Foundation at run time`() throws {
        let tests = URL(filePath: CommandLine.arguments[0]).resolvingSymlinksInPath()
        var folder = tests.deletingLastPathComponent()
        var probe = folder.appending(path: "LinkageProbe")
        // Beside the test bundle on Linux, some folders above it elsewhere.
        while !FileManager.default.fileExists(atPath: probe.path), folder.path.count > 1 {
            folder = folder.deletingLastPathComponent()
            probe = folder.appending(path: "LinkageProbe")
        }
        let bytes = try Data(contentsOf: probe)
        let found = bytes.range(of: Data("libFoundation".utf8)) != nil
        #expect(!found, "A core target imports Foundation: look for the import that the last change added")
        #expect(bytes.range(of: Data("libswiftCore".utf8)) != nil, "\(probe.path) is no program of this build")
    }
}
