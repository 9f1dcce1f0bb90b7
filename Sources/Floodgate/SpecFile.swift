// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
internal import FoundationEssentials

/// Files of the application: the document to evaluate, and the last good one as a fallback.
struct SpecFile: Sendable {
    let path: String
    private let disk: Disk

    /// Names the last good document of `key` in `folder`.
    init(lastGoodOf key: String, in folder: String, on disk: Disk) {
        var folder = folder
        while folder.count > 1, folder.utf8.last == UInt8(ascii: "/") { folder.removeLast() }
        self.init(path: "\(folder)/floodgate-specs-\(Self.fileName(of: key)).json", on: disk)
    }

    /// What stands for `key` in the names of files; it cannot be read off it.
    static func fileName(of key: String) -> String {
        String(
            decoding: IDList.hash(of: key).utf8.map { byte in
                // Base64, but for what folders and case-blind disks make of it.
                byte == UInt8(ascii: "/") ? UInt8(ascii: "_") : byte == UInt8(ascii: "+") ? UInt8(ascii: "-") : byte
            },
            as: UTF8.self
        )
    }

    init(path: String, on disk: Disk) {
        self.path = path
        self.disk = disk
    }

    /// The whole file, if it is not longer than a document may be.
    func read() async throws(ClientError) -> [UInt8] { try await readDated().bytes }

    /// The whole file and when it was written, in Unix milliseconds.
    func readDated() async throws(ClientError) -> (bytes: [UInt8], time: Int64?) {
        try await onThread("read") { [path] in
            guard let file = try FileReading.contents(of: path, limit: Settings.maxDocumentBytes) else {
                throw ClientError(.file, "The file \(path) is longer than \(Settings.maxDocumentBytes) bytes")
            }
            return file
        }
    }

    /// The content before the last one that was written.
    var previous: SpecFile { SpecFile(path: path + ".previous", on: disk) }

    /// Replaces the file as a whole: a reader sees the old content or the new one.
    ///
    /// The old one stays as `previous`.
    func write(_ bytes: [UInt8]) async throws(ClientError) {
        let previous = previous.path
        try await onThread("written") { [path] () throws -> Void in
            let folder = URL(filePath: path).deletingLastPathComponent()
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            // A second name for what is there, so that no moment is without a whole file. Disks without such names keep
            // one generation.
            try? FileManager.default.removeItem(atPath: previous)
            try? FileManager.default.linkItem(atPath: path, toPath: previous)
            try Data(bytes).write(to: URL(filePath: path), options: .atomic)
        }
    }

    /// Does something with files on the disk's thread.
    func onThread<Result: Sendable>(
        _ action: String,
        within patience: Duration? = Disk.patience,
        _ work: @escaping @Sendable () throws -> Result
    ) async throws(ClientError) -> Result {
        do {
            return try await disk.run(within: patience, work)
        } catch {
            if let error = error as? ClientError { throw error }
            let code = (error as? FileFailure).map { Int($0.code) } ?? (error as? CocoaError)?.code.rawValue
            throw ClientError(
                .file,
                "The file \(path) could not be \(action) (\(code.map { "code \($0)" } ?? "\(error)"))"
            )
        }
    }
}
