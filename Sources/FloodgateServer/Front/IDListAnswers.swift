// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateHTTP
import NIOCore

/// What one event loop has answered of late to those that asked for one file.
///
/// Nearly all SDKs hold the same bytes of a list and ask for the same few that follow.
final class IDListAnswers {
    private static let mostParts = 16
    /// Longer parts are sent from where they lie, piece by piece.
    private static let longestPart = 64 << 10

    let file: IDListFile
    private var parts: [Range<Int>: ReadyAnswer] = [:]
    private var whole: ReadyAnswer?

    init(_ file: IDListFile) { self.file = file }

    /// The answer to who gets `part`; nil for what is long, for what the file does not reach, and for who knows less of
    /// it than there is.
    func answer(_ part: GrowingFilePart) -> ReadyAnswer? {
        guard part.size == file.size else { return nil }
        switch part.range {
        case .whole:
            guard file.size <= Self.longestPart else { return nil }
            let made = whole ?? answer(0..<file.size, isPart: false)
            whole = made
            return made
        case .unsatisfiable: return nil
        case .part(let range):
            guard range.count <= Self.longestPart else { return nil }
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
            fields.append(.init("content-range", "bytes \(range.lowerBound)-\(range.upperBound - 1)/\(file.size)"))
        }
        var body = ByteBuffer()
        body.reserveCapacity(range.count)
        for piece in file.pieces(range) { body.writeBytes(piece) }
        return ReadyAnswer(isPart ? 206 : 200, fields: fields, body: body)
    }
}
