// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateDelivery
import FloodgateSnapshots
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The system's, which a type's own `read` hides.
private let readBytes: @Sendable (Int32, UnsafeMutableRawPointer?, Int) -> Int = { read($0, $1, $2) }

/// The ID lists on the disk of an edge, each in a file that is appended to.
///
/// A state says how many bytes of a list belong to it, and what their hash is. What lies behind them, as after a crash in
/// the middle of appending, is not read, and the next addition writes over it. So the states of both generations may
/// refer to one file.
package final class IDListArchive: Sendable {
    /// What is known to lie on the disk.
    private struct Kept: Sendable {
        var path: String
        var size: Int
        var lineage: Int
    }

    private static let pieceBytes = 1 << 20

    private let folder: String
    private let kept = Mutex<[String: Kept]>([:])

    /// The archive in `folder`.
    package init(folder: String) { self.folder = folder }

    /// The beginning of the names of a list's files; file IDs may hold anything.
    private static func prefix(_ fileID: String) -> String {
        String(SnapshotHash(of: Array(fileID.utf8)).text.prefix(32)) + "-"
    }

    /// How earlier versions named a list's file.
    private static func oldName(_ list: CellState.List) -> String { list.hash.text + ".list" }

    // MARK: Reading

    /// The list as its state says; nil if the disk has nothing of that hash.
    package func load(_ list: CellState.List) -> IDListFile? {
        let prefix = Self.prefix(list.fileID)
        for name in names.filter({ $0.hasPrefix(prefix) }).sorted().reversed() + [Self.oldName(list)] {
            let path = "\(folder)/\(name)"
            guard let file = read(path, as: list), file.hash == list.hash else { continue }
            kept.withLock { $0[list.fileID] = Kept(path: path, size: list.size, lineage: file.lineage) }
            return file
        }
        return list.size == 0 ? IDListFile(list) : nil
    }

    private func read(_ path: String, as list: CellState.List) -> IDListFile? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var file = IDListFile(list)
        while file.size < list.size {
            let wanted = min(Self.pieceBytes, list.size - file.size)
            let piece = [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count in
                count = max(0, readBytes(descriptor, buffer.baseAddress, wanted))
            }
            guard !piece.isEmpty else { return nil }
            file.append(piece)
        }
        file.settle()
        return file
    }

    private var names: [String] {
        guard let directory = opendir(folder) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { bytes in
                String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".list") { names.append(name) }
        }
        return names
    }

    // MARK: Writing

    /// Writes what the disk has not yet of `file`.
    /// - Throws: `StartFailure` if the disk does not take it; what was there before is still good then.
    package func keep(_ file: IDListFile) throws(StartFailure) {
        let known = kept.withLock { $0[file.fileID] }
        let isContinued = known.map { $0.lineage == file.lineage && $0.size <= file.size } ?? false
        if isContinued, known?.size == file.size { return }
        let start = isContinued ? known?.size ?? 0 : 0
        let path = isContinued ? known?.path ?? newPath(file.fileID) : newPath(file.fileID)
        let descriptor = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure(path) }
        var position = start
        var isWritten = true
        for piece in file.pieces(start..<file.size) where isWritten {
            isWritten = Self.write(piece, at: position, to: descriptor)
            position += piece.count
        }
        // What an earlier attempt left behind is cut off.
        isWritten = isWritten && ftruncate(descriptor, off_t(file.size)) == 0 && fsync(descriptor) == 0
        let isClosed = close(descriptor) == 0
        guard isWritten, isClosed else {
            let failure = failure(path)
            // A disk that is full must not stay so because of what nobody reads.
            if isContinued { truncate(path, off_t(start)) } else { unlink(path) }
            throw failure
        }
        kept.withLock { $0[file.fileID] = Kept(path: path, size: file.size, lineage: file.lineage) }
    }

    /// Removes files that none of `lists` needs: those of other lists, and of these what another file has taken the place of.
    package func removeAll(except lists: [CellState.List]) {
        let prefixes = Set(lists.map { Self.prefix($0.fileID) })
        let old = Set(lists.map(Self.oldName))
        for name in names where !prefixes.contains(where: name.hasPrefix) && !old.contains(name) {
            unlink("\(folder)/\(name)")
        }
        removeSuperseded(lists)
        let ids = Set(lists.map(\.fileID))
        kept.withLock { kept in kept = kept.filter { ids.contains($0.key) } }
    }

    /// Of lists with several files, as after a backup was restored upstream, removes those that hold none of `lists`.
    private func removeSuperseded(_ lists: [CellState.List]) {
        for (fileID, lists) in Dictionary(grouping: lists, by: \.fileID) {
            let prefix = Self.prefix(fileID)
            let paths = names.filter { $0.hasPrefix(prefix) }.sorted().reversed().map { "\(folder)/\($0)" }
            guard paths.count > 1 else { continue }
            var needed = Set(kept.withLock { $0[fileID]?.path }.map { [$0] } ?? [])
            for list in lists {
                let path = paths.first { read($0, as: list)?.hash == list.hash }
                // One that cannot be read just now may be the one.
                if let path { needed.insert(path) } else { needed.formUnion(paths) }
            }
            for path in paths where !needed.contains(path) { unlink(path) }
        }
    }

    /// A name that sorts after those that the list's files have.
    private func newPath(_ fileID: String) -> String {
        let prefix = Self.prefix(fileID)
        let last =
            names.filter { $0.hasPrefix(prefix) }
            .compactMap { Int($0.dropFirst(prefix.count).dropLast(".list".count)) }.max() ?? 0
        let digits = String(last + 1)
        return "\(folder)/\(prefix)\(String(repeating: "0", count: max(0, 6 - digits.count)))\(digits).list"
    }

    private static func write(_ bytes: ArraySlice<UInt8>, at position: Int, to descriptor: Int32) -> Bool {
        bytes.withUnsafeBytes { bytes in
            var done = 0
            while done < bytes.count {
                let rest = UnsafeRawBufferPointer(rebasing: bytes[done...])
                let count = pwrite(descriptor, rest.baseAddress, rest.count, off_t(position + done))
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                done += count
            }
            return true
        }
    }

    private func failure(_ path: String) -> StartFailure {
        StartFailure(.dataFolder, "\(path) cannot be written: \(String(cString: strerror(errno)))")
    }
}

extension IDListFile {
    /// An empty file of a state's list.
    init(_ list: CellState.List) {
        self.init(name: list.name, fileID: list.fileID, creationTime: list.creationTime)
    }
}
