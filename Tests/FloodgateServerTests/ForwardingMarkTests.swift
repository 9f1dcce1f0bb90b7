// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateServer
import FoundationEssentials
import Testing

@Suite("The mark of sent events") struct ForwardingMarkTests {
    private let folder: DataFolder
    private var file: String { folder.path + "/forwarded.json" }

    init() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "floodgate-\(UUID().uuidString)").path()
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        folder = DataFolder(path: path)
    }

    @Test func `gives a batch the same name before and after a restart`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder.path) }
        var mark = ForwardingMark()
        mark.begin(behind: 4)
        let names = (mark.edge(of: 3), mark.edge(of: 7))
        #expect(names.0 != names.1)
        try mark.keep(in: folder, as: file)

        var next = ForwardingMark(file: file)
        #expect(next == mark)
        next.begin(behind: 9)
        #expect(next.edge(of: 3) == names.0)
        #expect(next.edge(of: 7) == names.1)
        #expect(next.edge(of: 9) == names.1)
        #expect(next.edge(of: 10) != names.1)
    }

    @Test func `gives other names to the positions that a copy of the folder gives out again`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder.path) }
        var mark = ForwardingMark()
        mark.begin(behind: 0)
        mark.advance(to: 20)
        try mark.keep(in: folder, as: file)
        // The original goes on to 30; the copy, whose log ends at 20, begins there again.
        var copy = ForwardingMark(file: file)
        copy.begin(behind: 20)
        #expect(copy.position == 20)
        for position in Int64(21)...30 { #expect(copy.edge(of: position) != mark.edge(of: position)) }
    }

    @Test func `forgets the names of what is kept upstream`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder.path) }
        var mark = ForwardingMark()
        for start in 0..<1_000 {
            mark.begin(behind: Int64(start * 10))
            mark.advance(to: Int64(start * 10 + 5))
        }
        try mark.keep(in: folder, as: file)
        #expect(try Data(contentsOf: URL(filePath: file)).count < 500)
    }

    @Test(arguments: [
        "", "{}", "[1]", #"{"position":-1,"stretches":[]}"#, #"{"position":5,"stretches":[{"edge":"a"},{"edge":"b"}]}"#,
        #"{"position":5,"stretches":[{"end":7}]}"#,
    ])
    func `begins anew where the file does not read`(content: String) throws {
        defer { try? FileManager.default.removeItem(atPath: folder.path) }
        try folder.keepForTest(content, as: file)
        #expect(ForwardingMark(file: file).position == 0)
    }

    @Test func `reads the file as it was before stretches had names`() throws {
        defer { try? FileManager.default.removeItem(atPath: folder.path) }
        try folder.keepForTest(#"{"edge":"00ff","position":12}"#, as: file)
        var mark = ForwardingMark(file: file)
        #expect(mark.position == 12)
        mark.begin(behind: 14)
        #expect(mark.edge(of: 13) == "00ff")
        #expect(mark.edge(of: 15) != "00ff")
    }
}

extension DataFolder {
    fileprivate func keepForTest(_ content: String, as file: String) throws {
        try Data(content.utf8).write(to: URL(filePath: file))
    }
}
