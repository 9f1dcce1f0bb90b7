// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import FloodgateEvaluation
import FloodgateJSON
import FloodgateServer
import FloodgateSnapshots
import HTTPTypes
import Synchronization
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Long ID lists, from the store through server and edge.
@Suite("Long ID lists") struct IDListDeliveryTests {
    static let change = Change(actor: "tester")

    private static func lines(_ numbers: Range<Int>, sign: String = "+") -> [UInt8] {
        Array(numbers.map { "\(sign)\(10_000_000 + $0)\n" }.joined().utf8)
    }

    private static func ids(_ numbers: Range<Int>) -> IDList { IDList(ids: numbers.map { String(10_000_000 + $0) }) }

    private static func list(_ content: [UInt8], fileID: String = "f/1") -> CellState.List {
        CellState.List(
            name: "long",
            fileID: fileID,
            creationTime: 7,
            size: content.count,
            hash: SnapshotHash(of: content)
        )
    }

    private static func file(_ content: [UInt8], fileID: String = "f/1") -> IDListFile {
        IDListFile(name: "long", fileID: fileID, creationTime: 7, content: content)
    }

    // MARK: Server

    @Test func `are served in ranges of any length, from either lane`() async throws {
        let server = try await TestServer()
        try await server.server.control.createIDList("long", ids: Self.ids(0..<100_000), by: Self.change)
        try await server.publish()
        let manifest = try #require(try await server.send(.post, "/v1/get_id_lists", key: .server).json?["long"])
        let path = "/v1/download_id_list_file/" + (manifest["fileID"]?.stringValue ?? "")
        #expect(manifest["size"] == 1_000_000)
        let whole = try await server.send(.get, path, key: .server)
        #expect(whole.bytes == Self.lines(0..<100_000))
        let border = 256 << 10
        for range in [
            border - 5..<border + 5, border..<border + 1, 3..<border * 3 + 3, 0..<1_000_000, 999_990..<1_000_000,
            border - (32 << 10)..<border + (32 << 10),
        ] {
            let header = "bytes=\(range.lowerBound)-\(range.upperBound - 1)"
            let part = try await server.send(.get, path, key: .server, headers: [.range: header])
            #expect(part.status == .partialContent)
            #expect(part.headers[.contentLength] ?? String(part.bytes.count) == String(range.count))
            #expect(part.headers[.contentRange] == "bytes \(range.lowerBound)-\(range.upperBound - 1)/1000000")
            #expect(part.bytes == Array(whole.bytes[range]))
        }

        try await server.server.control.add(Self.ids(100_000..<100_001), toIDList: "long", by: Self.change)
        try await server.publish()
        let news = try await server.send(.get, path, key: .server, headers: [.range: "bytes=1000000-"])
        #expect(news.bytes == Self.lines(100_000..<100_001), "an addition is all that is sent")
    }

    @Test func `are read from the store only where they grew`() async throws {
        let store = ReadBytes()
        let control = ControlPlane(store: store, now: { 1_000 })
        try await control.prepare(by: Self.change)
        try await control.createIDList("long", ids: Self.ids(0..<100_000), by: Self.change)
        let reading = IDListReading()
        #expect(try await reading.files(of: control, epoch: 1).map(\.size) == [1_000_000])
        #expect(store.take() == 1_000_000)
        #expect(try await reading.files(of: control, epoch: 1).map(\.size) == [1_000_000])
        #expect(store.take() == 0)
        try await control.add(Self.ids(100_000..<100_001), toIDList: "long", by: Self.change)
        _ = store.take()
        let grown = try #require(try await reading.files(of: control, epoch: 1).first)
        #expect(store.take() == 10)
        #expect(grown.members.count == 100_001)
        #expect(grown.hash == SnapshotHash(of: Self.lines(0..<100_001)))
        let again = try await reading.files(of: control, epoch: 2)
        #expect(again.map(\.size) == [1_000_010] && store.take() == 1_000_010, "a restored backup is read anew")
        try await control.compactIDList("long", by: Self.change)
    }

    // MARK: Edge

    @Test func `are fetched in parts, and from where an attempt ended`() async throws {
        let content = Self.lines(0..<900_000)
        let upstream = Upstream(content)
        let download = IDListDownload(ask: upstream.ask)
        upstream.failsAfter = 1
        await #expect(throws: Upstream.Gone.self) {
            try await download.files(of: [Self.list(content)], known: [:])
        }
        upstream.failsAfter = nil
        let file = try #require(try await download.files(of: [Self.list(content)], known: [:]).first)
        let part = IDListDownload.partBytes
        #expect(upstream.ranges == [0..<part, part..<part * 2, part..<part * 2, part * 2..<content.count])
        #expect(file.members.count == 900_000 && file.hash == SnapshotHash(of: content))
    }

    @Test func `are fetched only where they grew, or anew if they are not what they were`() async throws {
        let content = Self.lines(0..<1_000)
        let upstream = Upstream(content)
        let download = IDListDownload(ask: upstream.ask)
        let known = ["f/1": Self.file(Array(content.dropLast(10)))]
        #expect(try await download.files(of: [Self.list(content)], known: known).first?.members.count == 1_000)
        #expect(upstream.ranges == [9_990..<10_000])
        let others = ["f/1": Self.file(Self.lines(5_000..<5_900))]
        #expect(try await download.files(of: [Self.list(content)], known: others).first?.members.count == 1_000)
        #expect(upstream.ranges.dropFirst() == [9_000..<10_000, 0..<10_000])
        upstream.content[3] ^= 1
        let error = await #expect(throws: SnapshotError.self) {
            try await download.files(of: [Self.list(content)], known: [:])
        }
        #expect(error?.reason == .hash)
        await #expect(throws: SnapshotError.self) {
            let endless = CellState.List(
                name: "l",
                fileID: "f",
                creationTime: 1,
                size: IDListDownload.longestList + 1,
                hash: SnapshotHash(of: [])
            )
            return try await download.files(of: [endless], known: [:])
        }
    }

    @Test func `lie on an edge's disk and grow there`() throws {
        let folder = try Folder()
        let archive = IDListArchive(folder: folder.path)
        let content = Self.lines(0..<50_000)
        var file = Self.file(content)
        try archive.keep(file)
        let name = try #require(folder.names.first)
        let older = folder.identity(name)
        file.append(Self.lines(50_000..<50_001))
        file.settle()
        try archive.keep(file)
        #expect(folder.names == [name])
        #expect(folder.identity(name) == older, "the file is the same one, and was not written anew")
        #expect(folder.bytes(name) == Self.lines(0..<50_001))
        // Both generations are there for whoever starts.
        for lines in [50_000, 50_001] {
            let found = try #require(IDListArchive(folder: folder.path).load(Self.list(Self.lines(0..<lines))))
            #expect(found.members.count == lines)
        }
        #expect(IDListArchive(folder: folder.path).load(Self.list(Self.lines(1..<50_001))) == nil)
        #expect(IDListArchive(folder: folder.path).load(Self.list([], fileID: "new"))?.size == 0)
    }

    @Test(arguments: [1, 9, 10, 400_000])
    func `bear with a crash in the middle of an addition`(torn: Int) throws {
        let folder = try Folder()
        let content = Self.lines(0..<30_000)
        try IDListArchive(folder: folder.path).keep(Self.file(content))
        let name = try #require(folder.names.first)
        // An addition of which not all came to the disk, and no state that speaks of it.
        folder.write(content + Array(repeating: 0, count: torn), as: name)
        let archive = IDListArchive(folder: folder.path)
        var file = try #require(archive.load(Self.list(content)))
        file.append(Self.lines(30_000..<30_002))
        file.settle()
        try archive.keep(file)
        #expect(folder.bytes(name) == Self.lines(0..<30_002))
        #expect(IDListArchive(folder: folder.path).load(Self.list(Self.lines(0..<30_002))) != nil)
        // One that lost its end is as good as gone.
        folder.write(Array(content.dropLast(torn)), as: name)
        #expect(IDListArchive(folder: folder.path).load(Self.list(content)) == nil)
    }

    @Test func `keep what the older state needs until no state needs it`() throws {
        let folder = try Folder()
        let archive = IDListArchive(folder: folder.path)
        let content = Self.lines(0..<100)
        try archive.keep(Self.file(content))
        // Other lines in a file of the same name, as after a backup was restored.
        let others = Self.lines(200..<300)
        try archive.keep(Self.file(others))
        #expect(folder.names.count == 2)
        for content in [content, others] {
            #expect(IDListArchive(folder: folder.path).load(Self.list(content)) != nil)
        }
        let anew = Self.lines(0..<50)
        try archive.keep(Self.file(anew, fileID: "f/2"))
        archive.removeAll(except: [Self.list(anew, fileID: "f/2"), Self.list(others), Self.list(content)])
        #expect(folder.names.count == 3)
        archive.removeAll(except: [Self.list(anew, fileID: "f/2"), Self.list(others)])
        #expect(folder.names.count == 2)
        #expect(IDListArchive(folder: folder.path).load(Self.list(others)) != nil)
        #expect(IDListArchive(folder: folder.path).load(Self.list(content)) == nil)
        archive.removeAll(except: [Self.list(anew, fileID: "f/2")])
        #expect(folder.names.count == 1)
        #expect(IDListArchive(folder: folder.path).load(Self.list(anew, fileID: "f/2")) != nil)
    }

    @Test func `are found where earlier versions kept them`() throws {
        let folder = try Folder()
        let content = Self.lines(0..<100)
        folder.write(content, as: SnapshotHash(of: content).text + ".list")
        let archive = IDListArchive(folder: folder.path)
        #expect(archive.load(Self.list(content))?.members.count == 100)
        archive.removeAll(except: [Self.list(content)])
        #expect(folder.names.count == 1)
    }
}

/// A server with one file that says what it was asked for.
private final class Upstream: Sendable {
    struct Gone: Error {}

    private struct State {
        var content: [UInt8]
        var ranges: [Range<Int>] = []
        var failsAfter: Int?
    }

    private let state: Mutex<State>

    init(_ content: [UInt8]) { state = Mutex(State(content: content)) }

    var ranges: [Range<Int>] { state.withLock { $0.ranges } }

    var content: [UInt8] {
        get { state.withLock { $0.content } }
        set { state.withLock { $0.content = newValue } }
    }

    var failsAfter: Int? {
        get { state.withLock { $0.failsAfter } }
        set { state.withLock { $0.failsAfter = newValue } }
    }

    @Sendable func ask(_ fileID: String, _ range: Range<Int>) async throws -> [UInt8] {
        try state.withLock { state in
            state.ranges.append(range)
            if let left = state.failsAfter {
                guard left > 0 else { throw Gone() }
                state.failsAfter = left - 1
            }
            return Array(state.content[range])
        }
    }
}

/// A store that counts what is read of ID lists.
private final class ReadBytes: ControlStore {
    private let store = InMemoryControlStore()
    private let bytes = Mutex(0)

    /// What was read since it was last asked.
    func take() -> Int {
        bytes.withLock { bytes in
            defer { bytes = 0 }
            return bytes
        }
    }

    func changeCount() async throws(ControlError) -> Int64 { try await store.changeCount() }
    func state() async throws(ControlError) -> ControlState { try await store.state() }
    func commit(_ update: ControlUpdate) async throws(ControlError) { try await store.commit(update) }

    func idListContent(_ fileID: String, from offset: Int, limit: Int) async throws(ControlError) -> [UInt8]? {
        let piece = try await store.idListContent(fileID, from: offset, limit: limit)
        bytes.withLock { $0 += piece?.count ?? 0 }
        return piece
    }

    func newestSnapshot(of environment: String) async throws(ControlError) -> StoredSnapshot? {
        try await store.newestSnapshot(of: environment)
    }

    func revisions(of reference: EntityReference, limit: Int) async throws(ControlError) -> [Revision] {
        try await store.revisions(of: reference, limit: limit)
    }

    func auditRecords(below sequence: Int64, limit: Int) async throws(ControlError) -> [AuditRecord] {
        try await store.auditRecords(below: sequence, limit: limit)
    }
}

/// A folder that is gone when nobody holds it any more.
private final class Folder: Sendable {
    let path: String

    init() throws {
        var template = Array("/tmp/floodgate-lists-XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw SnapshotError(.document, "No folder could be made") }
        path = String(cString: made)
    }

    deinit {
        for name in names { unlink("\(path)/\(name)") }
        rmdir(path)
    }

    var names: [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names.sorted()
    }

    func bytes(_ name: String) -> [UInt8] {
        guard let file = fopen("\(path)/\(name)", "r") else { return [] }
        defer { fclose(file) }
        var bytes = [UInt8](repeating: 0, count: 4 << 20)
        let count = fread(&bytes, 1, bytes.count, file)
        return Array(bytes.prefix(count))
    }

    func write(_ bytes: [UInt8], as name: String) {
        guard let file = fopen("\(path)/\(name)", "w") else { return }
        fwrite(bytes, 1, bytes.count, file)
        fclose(file)
    }

    /// What tells the file from one that would take its place.
    func identity(_ name: String) -> UInt64 {
        var status = stat()
        return stat("\(path)/\(name)", &status) == 0 ? UInt64(status.st_ino) : 0
    }
}
