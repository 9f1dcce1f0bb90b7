// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateDelivery
import FloodgateGzip
import FloodgateJSON
package import FloodgateSnapshots
import FoundationEssentials

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The last good state of one environment on the disk of an edge: two generations, each written whole or not at all.
///
/// Whoever reads it checks signatures and hashes again, so what a disk or a hand made of the files does no harm (SNAP-11).
package struct EdgeArchive: Sendable {
    /// The highest that was ever taken, which outlives the files that it was read from.
    package struct Mark: Sendable, Hashable {
        package var project: String
        package var environment: String
        package var cell: SnapshotPosition
        package var document: SnapshotVerifier.Mark
        package var keySetVersion: Int64
        /// The root keys that were trusted then.
        package var rootKeys: [[UInt8]]

        /// A mark.
        package init(
            project: String,
            environment: String,
            cell: SnapshotPosition,
            document: SnapshotVerifier.Mark,
            keySetVersion: Int64,
            rootKeys: [[UInt8]]
        ) {
            self.project = project
            self.environment = environment
            self.cell = cell
            self.document = document
            self.keySetVersion = keySetVersion
            self.rootKeys = rootKeys
        }
    }

    /// One generation.
    package struct Generation: Sendable {
        package var cell: SignedCell
        package var document: [UInt8]
        /// The document in gzip format, as most clients want it and as it lies on disk.
        package var compressed: [UInt8]
        package var lists: [IDListFile]

        /// A generation.
        package init(cell: SignedCell, document: [UInt8], compressed: [UInt8], lists: [IDListFile]) {
            self.cell = cell
            self.document = document
            self.compressed = compressed
            self.lists = lists
        }
    }

    /// How many bad files are kept for whoever wants to know.
    private static let keptBad = 3

    private let data: DataFolder
    private let lists: IDListArchive
    private var folder: String { data.path }

    /// The archive of an environment in an edge's data folder.
    package init(in folder: DataFolder, key name: String) {
        var data = DataFolder(path: folder.path + "/snapshots/" + name)
        data.willDo = folder.willDo
        self.data = data
        lists = IDListArchive(folder: data.path)
    }

    private var markFile: String { folder + "/mark.json" }
    private func cellFile(_ generation: Int) -> String { "\(folder)/cell.\(generation).json" }
    private func documentFile(_ hash: SnapshotHash) -> String { "\(folder)/\(hash.text).json.gz" }

    // MARK: Reading

    var mark: Mark? {
        guard let object = read(markFile).flatMap({ try? JSONValue(parsing: $0) })?.objectValue,
            let project = object["project"]?.stringValue, let environment = object["environment"]?.stringValue,
            let epoch = object["epoch"]?.integerValue, let sequence = object["seq"]?.integerValue,
            let documentEpoch = object["document_epoch"]?.integerValue,
            let documentSequence = object["document_seq"]?.integerValue,
            let hash = object["sha256"]?.stringValue.flatMap(SnapshotHash.init),
            let version = object["key_set_version"]?.integerValue, let roots = object["root_keys"]?.arrayValue
        else { return nil }
        return Mark(
            project: project,
            environment: environment,
            cell: SnapshotPosition(epoch: epoch, sequence: sequence),
            document: SnapshotVerifier.Mark(
                position: SnapshotPosition(epoch: documentEpoch, sequence: documentSequence),
                hash: hash
            ),
            keySetVersion: version,
            rootKeys: roots.compactMap { $0.stringValue.flatMap(SnapshotBase64.decode) }
        )
    }

    /// The generations that there are, the newer one first; `isGood` decides, and what is not is put aside.
    package func load(_ isGood: (Generation) -> Bool) -> Generation? {
        for number in 0...1 {
            guard let bytes = read(cellFile(number)) else { continue }
            guard let generation = generation(bytes) else {
                putAside(cellFile(number))
                continue
            }
            // One that is whole but not trusted is left alone: the root key may have been mistyped.
            if isGood(generation) { return generation }
        }
        return nil
    }

    private func generation(_ bytes: [UInt8]) -> Generation? {
        guard let cell = try? SignedCell(bytes),
            let json = (try? JSONValue(parsing: cell.text.bytes))?.objectValue, let state = try? CellState(json),
            let compressed = read(documentFile(state.payloadHash)) ?? plainDocument(state.payloadHash)
        else { return nil }
        guard let document = document(in: compressed, state.payloadHash) else {
            putAside(documentFile(state.payloadHash))
            return nil
        }
        var lists: [IDListFile] = []
        for list in state.lists {
            guard let file = self.lists.load(list) else { return nil }
            lists.append(file)
        }
        return Generation(cell: cell, document: document, compressed: compressed, lists: lists)
    }

    /// The document as earlier versions kept it.
    private func plainDocument(_ hash: SnapshotHash) -> [UInt8]? {
        read("\(folder)/\(hash.text).json").flatMap { try? Gzip.compress($0, level: 6) }
    }

    /// What is compressed, if it is the document with `hash`.
    private func document(in compressed: [UInt8], _ hash: SnapshotHash) -> [UInt8]? {
        let document = try? Gzip.decompress(compressed, limit: SnapshotLimits.payloadBytes)
        return document.flatMap { SnapshotHash(of: $0) == hash ? $0 : nil }
    }

    private func read(_ file: String) -> [UInt8]? {
        (try? Data(contentsOf: URL(filePath: file))).map { [UInt8]($0) }
    }

    /// Renames a file that is not what it should be, so that somebody can look at it.
    private func putAside(_ file: String) {
        rename(file, "\(file).corrupt-\(time(nil))")
        let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
            .filter { $0.contains(".corrupt-") }.sorted()
        for name in names.dropLast(Self.keptBad) { unlink("\(folder)/\(name)") }
    }

    // MARK: Writing

    /// Keeps a generation and the mark; the one before it stays as the older one.
    /// - Throws: `StartFailure` if the disk does not take it; what was there before is still good then.
    package func keep(_ generation: Generation, state: CellState, mark: Mark) throws(StartFailure) {
        try data.prepare()
        let file = documentFile(state.payloadHash)
        if read(file).flatMap({ document(in: $0, state.payloadHash) }) == nil {
            try data.save(generation.compressed, as: file)
        }
        for list in generation.lists { try lists.keep(list) }
        // The mark first: a reader that dies in between refuses what is older all the same.
        try data.save(json(mark).bytes, as: markFile)
        data.willDo?("rename \(cellFile(0))")
        // What is there already, as after a start, must not push the one before it out; nor must one that is damaged.
        if read(cellFile(0)) == generation.cell.bytes {
            removeUnused()
            return
        }
        if isGood(cellFile(0), rootKeys: mark.rootKeys) {
            rename(cellFile(0), cellFile(1))
        } else if access(cellFile(0), F_OK) == 0 {
            putAside(cellFile(0))
        }
        try data.save(generation.cell.bytes, as: cellFile(0))
        data.sync()
        removeUnused()
    }

    /// Whether the state in `file` is genuine, and its document there.
    private func isGood(_ file: String, rootKeys: [[UInt8]]) -> Bool {
        guard let cell = read(file).flatMap({ try? SignedCell($0) }),
            let state = try? cell.state(rootKeys: rootKeys).state
        else { return false }
        return read(documentFile(state.payloadHash)).flatMap { document(in: $0, state.payloadHash) } != nil
    }

    private func json(_ mark: Mark) -> JSONValue {
        [
            "project": .string(mark.project), "environment": .string(mark.environment),
            "epoch": .integer(mark.cell.epoch), "seq": .integer(mark.cell.sequence),
            "document_epoch": .integer(mark.document.position.epoch),
            "document_seq": .integer(mark.document.position.sequence), "sha256": .string(mark.document.hash.text),
            "key_set_version": .integer(mark.keySetVersion),
            "root_keys": .array(mark.rootKeys.map { .string(SnapshotBase64.encode($0)) }),
        ]
    }

    /// Removes documents and lists that neither generation names.
    private func removeUnused() {
        var used: Set<String> = []
        var usedLists: [CellState.List] = []
        for number in 0...1 {
            guard let cell = read(cellFile(number)).flatMap({ try? SignedCell($0) }),
                let json = (try? JSONValue(parsing: cell.text.bytes))?.objectValue, let state = try? CellState(json)
            else { continue }
            used.insert(state.payloadHash.text + ".json.gz")
            usedLists += state.lists
        }
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] {
            let isContent = name.hasSuffix(".json.gz") || name.hasSuffix(".json") && name.utf8.count == 69
            guard isContent, !used.contains(name) else { continue }
            data.willDo?("unlink \(name)")
            unlink("\(folder)/\(name)")
        }
        lists.removeAll(except: usedLists)
    }
}
