// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateHTTP
import NIOCore
import Synchronization

/// The files of all ID lists as bytes that are sent from where they lie, for every event loop to take up when they
/// change.
package final class IDListFiles: Sendable {
    /// One file; another object for other bytes.
    final class File: Sendable {
        let content: ByteBuffer

        init(_ content: [UInt8]) { self.content = ByteBuffer(bytes: content) }
    }

    private let files = Mutex<[String: File]>([:])
    private let generation = Atomic<Int>(0)

    var version: Int { generation.load(ordering: .acquiring) }
    var all: [String: File] { files.withLock { $0 } }

    /// Puts `new` in the place of all that were there.
    func post(_ new: [IDListFile]) {
        let old = all
        let entries = new.map { file in
            // A file only grows, but a backup may be restored that has other lines.
            let known = old[file.fileID].flatMap { known in
                known.content.readableBytesView.elementsEqual(file.content) ? known : nil
            }
            return (file.fileID, known ?? File(file.content))
        }
        files.withLock { $0 = Dictionary(entries) { first, _ in first } }
        generation.add(1, ordering: .releasing)
    }
}

/// What one event loop has answered of late to those that asked for one file.
///
/// Nearly all SDKs hold the same bytes of a list and ask for the same that follow.
final class IDListAnswers {
    private static let mostParts = 16

    let file: IDListFiles.File
    private lazy var whole = answer(0..<content.readableBytes, isPart: false)
    private var parts: [Range<Int>: ReadyAnswer] = [:]

    init(_ file: IDListFiles.File) { self.file = file }

    private var content: ByteBuffer { file.content }

    /// How many bytes the file has.
    var size: Int { content.readableBytes }

    /// The answer to who gets `part`; nil for what the file does not reach, and for who knows less of it than there is.
    func answer(_ part: GrowingFilePart) -> ReadyAnswer? {
        guard part.size == size else { return nil }
        switch part.range {
        case .whole: return whole
        case .unsatisfiable: return nil
        case .part(let range):
            if let known = parts[range] { return known }
            if parts.count >= Self.mostParts { parts.removeAll() }
            let made = answer(range, isPart: true)
            parts[range] = made
            return made
        }
    }

    private func answer(_ range: Range<Int>, isPart: Bool) -> ReadyAnswer {
        var fields = [
            Refusal.Field("content-type", "text/plain; charset=utf-8"), .init("accept-ranges", "bytes"),
            .init("cache-control", "private, max-age=1"),
        ]
        if isPart {
            let size = content.readableBytes
            fields.append(.init("content-range", "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(size)"))
        }
        let body = content.getSlice(at: content.readerIndex + range.lowerBound, length: range.count)
        return ReadyAnswer(isPart ? 206 : 200, fields: fields, body: body ?? ByteBuffer())
    }
}
