// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Whatever a client sends, it gets whole answers, the same however its bytes come in, and an end.
enum ConnectionTarget {
    static func fault(in bytes: [UInt8]) -> String? {
        do {
            let whole = try answers(to: [bytes[...]], closesInput: true)
            let pieces = try answers(to: bytes.pieces, closesInput: true)
            guard pieces == whole else { return "in pieces \(pieces), whole \(whole)" }
            // Without a word that no more comes, deadlines have to do.
            _ = try answers(to: [bytes[...]], closesInput: false)
            return nil
        } catch { return "\(error)" }
    }

    private struct Fault: Error, CustomStringConvertible { let description: String }

    private static func answers(to pieces: [ArraySlice<UInt8>], closesInput: Bool) throws -> [String] {
        let door = try DrilledDoor(limits: WireSeeds.limits)
        for piece in pieces { door.receive(piece) }
        guard door.end(closesInput: closesInput) else { throw Fault(description: "the connection stays") }
        // Frames have a target of their own.
        guard door.sent.starts(with: "HTTP/".utf8) else { return [] }
        return try read(door.sent)
    }

    /// Takes the answers apart, which have to be whole but for those that were broken off, the last ones.
    private static func read(_ sent: [UInt8]) throws -> [String] {
        var rest = sent[...]
        var answers: [String] = []
        while !rest.isEmpty {
            guard rest.starts(with: "HTTP/1.1 ".utf8), let end = rest.firstRange(of: Array("\r\n\r\n".utf8)) else {
                throw Fault(description: "no head: \(String(decoding: rest.prefix(80), as: UTF8.self))")
            }
            let head = String(decoding: rest[..<end.lowerBound], as: UTF8.self)
            rest = rest[end.upperBound...]
            let status = String(head.dropFirst(9).prefix(3))
            guard let code = Int(status), 100..<600 ~= code else { throw Fault(description: "status \(status)") }
            if code < 200 { continue }
            answers.append("\(status) \(String(decoding: try body(behind: head, &rest), as: UTF8.self))")
        }
        return answers
    }

    private static func body(behind head: String, _ rest: inout ArraySlice<UInt8>) throws -> ArraySlice<UInt8> {
        // Answers to HEAD have none; no body of ours begins like an answer.
        if rest.isEmpty || rest.starts(with: "HTTP/1.1 ".utf8) { return [] }
        let fields = head.split(separator: "\r\n").dropFirst().map { $0.split(separator: ": ", maxSplits: 1) }
        if let length = fields.first(where: { $0.first == "content-length" }).flatMap({ Int($0.last ?? "") }) {
            guard rest.count >= length else { throw Fault(description: "\(rest.count) bytes of \(length)") }
            defer { rest = rest.dropFirst(length) }
            return rest.prefix(length)
        }
        guard fields.contains(["transfer-encoding", "chunked"]) else {
            defer { rest = [] }
            return rest
        }
        guard let end = rest.firstRange(of: Array("0\r\n\r\n".utf8)) else { throw Fault(description: "no last chunk") }
        defer { rest = rest[end.upperBound...] }
        return rest[..<end.lowerBound]
    }
}
