// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
internal import FoundationEssentials
internal import NIOPosix

/// Files of the application: the document to evaluate, and the last good one as a fallback; read and written elsewhere
/// than on the threads that run tasks.
struct SpecFile: Sendable {
    let path: String

    /// Names the last good document of `key` in `folder`.
    init(lastGoodOf key: String, in folder: String) {
        var folder = folder
        while folder.count > 1, folder.utf8.last == UInt8(ascii: "/") { folder.removeLast() }
        self.path = "\(folder)/floodgate-specs-\(Self.fileName(of: key)).json"
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

    init(path: String) { self.path = path }

    /// The whole file, if it is not longer than a document may be.
    func read() async throws(ClientError) -> [UInt8] { try await readDated().bytes }

    /// The whole file and when it was written, in Unix milliseconds.
    func readDated() async throws(ClientError) -> (bytes: [UInt8], time: Int64?) {
        try await onThread("read") {
            let attributes = try FileManager.default.attributesOfItem(atPath: path)
            guard let size = FileSize.bytes(attributes[.size]), size <= Settings.maxDocumentBytes else {
                throw ClientError(.file, "The file \(path) is longer than \(Settings.maxDocumentBytes) bytes")
            }
            let date = attributes[.modificationDate] as? Date
            let time = date.flatMap { Int64(exactly: ($0.timeIntervalSince1970 * 1000).rounded()) }
            return ([UInt8](try Data(contentsOf: URL(filePath: path))), time)
        }
    }

    /// Replaces the file as a whole: a reader sees the old content or the new one.
    func write(_ bytes: [UInt8]) async throws(ClientError) {
        try await onThread("written") { () throws -> Void in
            let folder = URL(filePath: path).deletingLastPathComponent()
            try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
            try Data(bytes).write(to: URL(filePath: path), options: .atomic)
        }
    }

    /// Does something with files on a thread that may wait for a disk.
    func onThread<Result: Sendable>(
        _ action: String,
        _ work: @escaping @Sendable () throws -> Result
    ) async throws(ClientError) -> Result {
        do {
            return try await NIOThreadPool.singleton.runIfActive(work)
        } catch {
            if let error = error as? ClientError { throw error }
            let code = (error as? CocoaError)?.code.rawValue
            throw ClientError(
                .file,
                "The file \(path) could not be \(action) (\(code.map { "code \($0)" } ?? "\(error)"))"
            )
        }
    }
}
