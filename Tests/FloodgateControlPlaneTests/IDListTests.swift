// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateEvaluation
import FloodgateJSON
import FloodgateSpecs
import Synchronization
import Testing

@Suite("ID lists") struct IDListTests {
    private func ids(_ numbers: Range<Int>) -> IDList { IDList(ids: numbers.map { IDList.hash(of: "u\($0)") }) }

    private func content(of list: IDListHead, _ project: TestProject) async throws -> [UInt8] {
        var content: [UInt8] = []
        while let piece = try await project.control.idListContent(list.fileID, from: content.count, limit: 1_000_003) {
            content += piece
        }
        return content
    }

    private func project() async throws -> TestProject {
        let project = TestProject()
        try await project.control.prepare(by: TestProject.change)
        return project
    }

    @Test func `grow by what is new, and say so in the audit log`() async throws {
        let project = try await project()
        let control = project.control
        let made = try await control.createIDList("vips", ids: ids(0..<2), by: TestProject.change)
        #expect(made.list.members == 2 && made.list.size == 20 && made.list.creationTime == 1_000)
        #expect(try await project.document().others["id_lists"] == ["vips": true])
        let sequence = try await project.sequence()

        let added = try await control.add(ids(1..<4), toIDList: "vips", by: TestProject.change)
        #expect(added.count == 2 && added.list.members == 4 && added.list.fileID == made.list.fileID)
        let removed = try await control.remove(ids(3..<9), fromIDList: "vips", by: TestProject.change)
        #expect(removed.count == 1 && removed.list.members == 3 && removed.list.lines == 5 && !removed.isCompacted)
        #expect(try await control.idLists() == [removed.list])
        let lines = [("+", 0), ("+", 1), ("+", 2), ("+", 3), ("-", 3)].map { $0 + IDList.hash(of: "u\($1)") }
        let found = String(decoding: try await content(of: removed.list, project), as: UTF8.self)
        #expect(found.split(separator: "\n").map(String.init).sorted() == lines.sorted())
        #expect(found.hasSuffix(lines[4] + "\n"))
        let members = try await control.members(ofIDList: "vips")
        #expect((0..<5).map { members.contains(unitID: "u\($0)") } == [true, true, true, false, false])
        #expect(try await project.sequence() == sequence, "documents do not change with who is in a list")

        let records = try await control.auditLog(limit: 3)
        #expect(records.map(\.action) == ["id_list_remove", "id_list_add", "id_list_create"])
        #expect(records.allSatisfy { $0.entity == "id_list:vips" && $0.reason == "because" })
        let after = try JSONValue(parsing: records[0].after ?? "")
        #expect(after["units"] == 1 && after["members"] == 3 && after["size"] == 50)
        try await control.verifyAuditChain()
    }

    @Test func `what is so already writes nothing`() async throws {
        let project = try await project()
        let control = project.control
        try await control.createIDList("vips", ids: ids(0..<3), by: TestProject.change)
        let before = try await project.store.state()
        #expect(try await !control.add(ids(0..<3), toIDList: "vips", by: TestProject.change).didChange)
        #expect(try await !control.add(IDList(), toIDList: "vips", by: TestProject.change).didChange)
        #expect(try await !control.remove(ids(5..<9), fromIDList: "vips", by: TestProject.change).didChange)
        #expect(try await !control.compactIDList("vips", by: TestProject.change).didChange)
        #expect(try await project.store.state() == before)
    }

    @Test func `go with their file, and leave their name free`() async throws {
        let project = try await project()
        let control = project.control
        let made = try await control.createIDList("vips", ids: ids(0..<3), by: TestProject.change).list
        #expect(try await control.deleteIDList("vips", by: TestProject.change) == made)
        #expect(try await control.idLists().isEmpty)
        #expect(try await control.idListContent(made.fileID, from: 0, limit: 9) == nil)
        #expect(try await project.document().others["id_lists"] == [:])
        let record = try #require(try await control.auditLog(limit: 1).first)
        #expect(record.action == "id_list_delete" && record.entity == "id_list:vips" && record.reason == "because")
        #expect(try JSONValue(parsing: record.before ?? "")["members"] == 3)
        try await control.verifyAuditChain()
        let error = await #expect(throws: ControlError.self) {
            try await control.deleteIDList("vips", by: TestProject.change)
        }
        #expect(error?.code == .notFound)
        #expect(try await control.createIDList("vips", by: TestProject.change).list.members == 0)
    }

    @Test func `stay while conditions ask for them, unless that is what is wanted`() async throws {
        let project = try await project()
        let control = project.control
        _ = try await control.loadDemo(by: TestProject.change)
        let error = await #expect(throws: ControlError.self) {
            try await control.deleteIDList("beta_testers", by: TestProject.change)
        }
        #expect(error?.code == .invalid && error?.message.contains("gate:store_credit") == true)
        #expect(try await control.idList("beta_testers").members > 0)
        try await control.deleteIDList("beta_testers", force: true, by: TestProject.change)
        #expect(try await control.idLists().isEmpty)
        // The document goes on to name what its conditions ask for.
        #expect(try await project.document().others["id_lists"] == ["beta_testers": true])
    }

    @Test func `say what is wrong`() async throws {
        let control = try await project().control
        try await control.createIDList("vips", by: TestProject.change)
        for name in ["", "a\nb", "a\u{0}", String(repeating: "x", count: 201), "vips"] {
            let error = await #expect(throws: ControlError.self) {
                try await control.createIDList(name, by: TestProject.change)
            }
            #expect(error?.code == .invalid)
        }
        for body in [
            { try await control.add(ids(0..<1), toIDList: "vip", by: TestProject.change) },
            { try await control.remove(ids(0..<1), fromIDList: "vip", by: TestProject.change) },
            { try await control.compactIDList("vip", by: TestProject.change) },
        ] {
            let error = await #expect(throws: ControlError.self) { _ = try await body() }
            #expect(error?.code == .notFound)
            #expect(error?.message.contains("vips") == true)
        }
    }

    @Test func `are written anew when most lines say nothing any more, or when told to`() async throws {
        let project = try await project()
        let control = project.control
        let made = try await control.createIDList("vips", ids: ids(0..<8_000), by: TestProject.change).list
        let fewer = try await control.remove(ids(0..<2_600), fromIDList: "vips", by: TestProject.change)
        #expect(fewer.list.fileID == made.fileID && !fewer.isCompacted, "5 200 of 10 600 lines are less than half")
        let anew = try await control.remove(ids(2_600..<5_000), fromIDList: "vips", by: TestProject.change)
        #expect(anew.isCompacted && anew.count == 2_400)
        #expect(anew.list.fileID != made.fileID && anew.list.creationTime > made.creationTime)
        #expect(anew.list.lines == 3_000 && anew.list.members == 3_000 && anew.list.size == 30_000)
        #expect(try await control.idListContent(made.fileID, from: 0, limit: 9) == nil)
        var list = IDList()
        list.apply(lines: try await content(of: anew.list, project))
        #expect((0..<8_000).allSatisfy { list.contains(unitID: "u\($0)") == ($0 >= 5_000) })

        let few = try await control.remove(ids(5_000..<7_900), fromIDList: "vips", by: TestProject.change)
        #expect(!few.isCompacted, "too little to be worth it")
        let told = try await control.compactIDList("vips", by: TestProject.change)
        #expect(told.isCompacted && told.list.size == 1_000 && told.list.creationTime > anew.list.creationTime)
        #expect(try await control.members(ofIDList: "vips").count == 100)
    }

    @Test func `many writers lose nothing`() async throws {
        let project = try await project()
        try await project.control.createIDList("vips", by: TestProject.change)
        try await withThrowingTaskGroup { group in
            for writer in 0..<8 {
                group.addTask {
                    for step in 0..<10 {
                        let number = writer * 7 + step
                        try await project.control.add(
                            ids(number..<number + 1),
                            toIDList: "vips",
                            by: TestProject.change
                        )
                    }
                }
            }
            try await group.waitForAll()
        }
        let list = try await project.control.idList("vips")
        #expect(list.members == 59 && list.lines == 59)
        #expect(try await project.control.members(ofIDList: "vips").count == 59)
    }

    @Test func `one unit more in a long list is ten bytes for the store`() async throws {
        let project = try await project()
        let made = try await project.control.createIDList("vips", ids: ids(0..<100_000), by: TestProject.change)
        let counting = WrittenBytes(store: project.store)
        let control = ControlPlane(store: counting, now: { 2_000 })
        let change = try await control.add(ids(100_000..<100_001), toIDList: "vips", by: TestProject.change)
        #expect(change.list.size == made.list.size + 10)
        #expect(counting.bytes.withLock { $0 } == 10)
    }
}
