// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateSpecs
import FloodgateTestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

@Suite("Demo project") struct DemoProjectTests {
    @Test func `holds a bit of everything`() async throws {
        let project = TestProject()
        try await project.control.prepare(by: TestProject.change)
        #expect(try await project.control.isEmpty)
        let summary = try await project.control.loadDemo(by: TestProject.change)
        #expect(try await !project.control.isEmpty)
        #expect(summary.warnings.isEmpty)
        for (kind, count) in [
            (EntityKind.gate, 6), (.dynamicConfig, 2), (.experiment, 2), (.layer, 1), (.segment, 1), (.holdout, 1),
        ] {
            #expect(summary.counts[kind, default: 0] >= count, "\(kind)")
        }
        let document = try await project.document()
        #expect(document.experimentToLayer == ["search_ranking": "search_page", "search_suggestions": "search_page"])
        #expect(document.others["id_lists"] == ["beta_testers": true])
        let list = try #require(try await project.control.idLists().first)
        #expect(list.name == "beta_testers")
        #expect(list.size == 200)
        #expect(list.lines == 20 && list.members == 20)
        let content = try await project.control.idListContent(list.fileID, from: 0, limit: 1_000)
        #expect(content?.starts(with: Array("+".utf8)) == true)
    }

    @Test func `loaded again it changes nothing, and keeps its ID lists' files`() async throws {
        let project = TestProject()
        try await project.control.prepare(by: TestProject.change)
        try await project.control.loadDemo(by: TestProject.change)
        let before = try await project.store.state()
        #expect(try await !project.control.loadDemo(by: TestProject.change).didChange)
        #expect(try await project.store.state() == before)
    }

    @Test func `every file of the folder is embedded, and nothing else`() throws {
        let path = "\(SharedData.repository)/Sources/FloodgateControlPlane/Demo"
        let folder = try #require(opendir(path))
        defer { closedir(folder) }
        var names: Set<String> = []
        while let entry = readdir(folder) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.insert(name) }
        }
        #expect(Set(DemoProject.files.map(\.name)) == names)
        for (name, bytes) in DemoProject.files {
            #expect(SharedData.repositoryBytes("Sources/FloodgateControlPlane/Demo/\(name)") == bytes)
        }
    }
}
