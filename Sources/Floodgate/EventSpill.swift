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
        var body: [UInt8]
        var isCompressed: Bool
        var count: Int
    }

    /// What all files of one key in a folder may have together.
    static let maxBytes = 8 << 20
    private static let claimMilliseconds: Int64 = 3_600_000
    private static let maxFiles = 10_000

    private let folder: SpecFile
    private let prefix: String
    private let session: String
    private let number = Mutex(0)

    init(folder: String, key: String, session: String) {
        self.folder = SpecFile(path: folder)
        self.prefix = "floodgate-events-\(SpecFile.fileName(of: key))-"
        self.session = session
    }

    /// Writes as many of the batches as there is room for, the newest first.
    /// - Returns: How many events were written.
    func write(_ batches: [Batch]) async -> Int {
        guard !batches.isEmpty else { return 0 }
        let names = number.withLock { number in
            batches.map { _ in
                number += 1
                return "\(prefix)\(session)-\(number).spill"
            }
        }
        let written = try? await folder.onThread("written") { [path = folder.path, prefix] in
            try FileManager.default.createDirectory(at: URL(filePath: path), withIntermediateDirectories: true)
            var room = Self.maxBytes - Self.files(in: path, prefix).reduce(0) { $0 + Self.size(of: "\(path)/\($1)") }
            var count = 0
            for (batch, name) in zip(batches, names).reversed() {
                let header: JSONObject = ["count": .integer(batch.count), "gzip": .bool(batch.isCompressed)]
                let bytes = Array((JSONValue.object(header).text + "\n").utf8) + batch.body
                guard bytes.count <= room else { break }
                do { try Data(bytes).write(to: URL(filePath: "\(path)/\(name)"), options: .atomic) } catch { break }
                room -= bytes.count
                count += batch.count
            }
            return count
        }
        return written ?? 0
    }

    /// Claims and reads what earlier processes left, oldest name first; what does not read is deleted.
    func claim(at now: Int64) async -> [(batch: Batch, file: String)] {
        let found = try? await folder.onThread("read") { [path = folder.path, prefix] in
            var found: [(batch: Batch, file: String)] = []
            var room = Self.maxBytes
            for name in Self.files(in: path, prefix).sorted() {
                guard let free = Self.unclaimed(name, at: now) else { continue }
                let claimed = "\(path)/\(free).claimed-\(now)"
                guard (try? FileManager.default.moveItem(atPath: "\(path)/\(name)", toPath: claimed)) != nil else {
                    continue
                }
                let size = Self.size(of: claimed)
                guard size <= room else {
                    try? FileManager.default.removeItem(atPath: claimed)
                    continue
                }
                room -= size
                if let data = try? Data(contentsOf: URL(filePath: claimed)), let batch = Self.read([UInt8](data)) {
                    found.append((batch, claimed))
                } else {
                    try? FileManager.default.removeItem(atPath: claimed)
                }
            }
            return found
        }
        return found ?? []
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

    private static func files(in path: String, _ prefix: String) -> [String] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []
        return Array(names.filter { $0.hasPrefix(prefix) }.prefix(maxFiles))
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
        return Batch(body: Array(bytes[(end + 1)...]), isCompressed: isCompressed, count: Int(count))
    }
}
