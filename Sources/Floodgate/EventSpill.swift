// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON
internal import FoundationEssentials
internal import Synchronization

/// Batches of events on disk, from the shutdown that could not send them to the next start.
///
/// A file is one batch: a line of JSON, then the body of the request. Who sends a file renames it first, so that two
/// processes that share a folder do not both send it; a claim that is an hour old is of a process that died.
final class EventSpill: Sendable {
    /// A batch as it lies on disk.
    struct Batch: Sendable {
        /// What the server knows it by; nil if it was left by a version that gave none.
        var id: String?
        var body: [UInt8]
        var isCompressed: Bool
        var count: Int
    }

    /// How far the writing of batches is, when it is no longer waited for.
    private final class Progress: Sendable {
        private let state = Mutex((count: 0, isOver: false))

        var isOver: Bool { state.withLock { $0.isOver } }

        func wrote(_ count: Int) { state.withLock { if !$0.isOver { $0.count += count } } }

        /// Ends the writing and says how many events were written.
        func end() -> Int {
            state.withLock { state in
                state.isOver = true
                return state.count
            }
        }
    }

    /// What all files of one key in a folder may have together.
    static let maxBytes = 8 << 20
    private static let claimMilliseconds: Int64 = 3_600_000
    private static let maxFiles = 10_000

    private let folder: SpecFile
    private let prefix: String
    private let session: String
    private let number = Mutex(0)

    init(folder: String, key: String, session: String, timing: Timing) {
        self.folder = SpecFile(path: folder, on: Disk(timing: timing))
        self.prefix = "floodgate-events-\(SpecFile.fileName(of: key))-"
        self.session = session
    }

    /// Writes as many of the batches as there is room for, the newest first, until the task is cancelled.
    /// - Returns: How many events were written.
    func write(_ batches: [Batch]) async -> Int {
        guard !batches.isEmpty else { return 0 }
        let names = number.withLock { number in
            batches.map { _ in
                number += 1
                return "\(prefix)\(session)-\(number).spill"
            }
        }
        let progress = Progress()
        try? await folder.onThread("written", within: nil) { [path = folder.path, prefix] in
            guard !progress.isOver else { return }
            try FileManager.default.createDirectory(at: URL(filePath: path), withIntermediateDirectories: true)
            let held = (try? Self.files(in: path, prefix)) ?? []
            var room = Self.maxBytes - held.reduce(0) { $0 + Self.size(of: "\(path)/\($1)") }
            for (batch, name) in zip(batches, names).reversed() {
                var header: JSONObject = ["count": .integer(batch.count), "gzip": .bool(batch.isCompressed)]
                header.set("id", batch.id.map { .string($0) })
                let bytes = Array((JSONValue.object(header).text + "\n").utf8) + batch.body
                guard bytes.count <= room, !progress.isOver else { break }
                do { try Data(bytes).write(to: URL(filePath: "\(path)/\(name)"), options: .atomic) } catch { break }
                room -= bytes.count
                progress.wrote(batch.count)
            }
        }
        return progress.end()
    }

    /// Claims and reads what earlier processes left, oldest name first; what makes no sense is deleted.
    /// - Throws: `.file` if the folder does not read, but not if there is none.
    func claim(at now: Int64) async throws(ClientError) -> [(batch: Batch, file: String)] {
        try await folder.onThread("read") { [path = folder.path, prefix] in
            var found: [(batch: Batch, file: String)] = []
            var room = Self.maxBytes
            for name in try Self.files(in: path, prefix).sorted() {
                guard let free = Self.unclaimed(name, at: now) else { continue }
                let claimed = "\(path)/\(free).claimed-\(now)"
                guard (try? FileManager.default.moveItem(atPath: "\(path)/\(name)", toPath: claimed)) != nil else {
                    continue
                }
                do throws(FileFailure) {
                    let file = try FileReading.contents(of: claimed, limit: room)
                    if let bytes = file?.bytes, let batch = Self.read(bytes) {
                        room -= bytes.count
                        found.append((batch, claimed))
                    } else {
                        try? FileManager.default.removeItem(atPath: claimed)
                    }
                } catch {
                    // Whoever can read it may have it.
                    try? FileManager.default.moveItem(atPath: claimed, toPath: "\(path)/\(free)")
                }
            }
            return found
        }
    }

    /// Deletes the file of a batch that is done with.
    func delete(_ file: String) async {
        _ = try? await folder.onThread("deleted") { try FileManager.default.removeItem(atPath: file) }
    }

    /// Gives a claimed file back for the next start.
    func release(_ file: String) async {
        guard let end = file.firstRange(of: ".claimed-") else { return }
        let free = String(file[..<end.lowerBound])
        _ = try? await folder.onThread("released") { try FileManager.default.moveItem(atPath: file, toPath: free) }
    }

    private static func files(in path: String, _ prefix: String) throws -> [String] {
        do {
            let names = try FileManager.default.contentsOfDirectory(atPath: path)
            return Array(names.filter { $0.hasPrefix(prefix) }.prefix(maxFiles))
        } catch let error as CocoaError where error.code == .fileReadNoSuchFile {
            return []
        }
    }

    private static func size(of path: String) -> Int {
        FileSize.bytes((try? FileManager.default.attributesOfItem(atPath: path))?[.size]) ?? 0
    }

    /// The name of the file without a claim; nil if somebody's claim holds.
    private static func unclaimed(_ name: String, at now: Int64) -> String? {
        if name.hasSuffix(".spill") { return name }
        guard let claim = name.firstRange(of: ".spill.claimed-"), let time = Int64(name[claim.upperBound...]) else {
            return nil
        }
        let (age, overflow) = now.subtractingReportingOverflow(time)
        guard overflow || !(-claimMilliseconds...claimMilliseconds ~= age) else { return nil }
        return name[..<claim.lowerBound] + ".spill"
    }

    private static func read(_ bytes: [UInt8]) -> Batch? {
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")),
            let header = try? JSONValue(parsing: Array(bytes[..<end])),
            let count = header["count"]?.integerValue, 1...1_000_000 ~= count,
            let isCompressed = header["gzip"]?.boolValue
        else { return nil }
        let id = header["id"]?.stringValue?.headerSafe
        return Batch(id: id, body: Array(bytes[(end + 1)...]), isCompressed: isCompressed, count: Int(count))
    }
}
