// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// A program that is told things line by line on its standard input, and answers likewise.
final class Conversation: Sendable {
    private let child: ChildProcess
    private let input = Pipe()
    private let answered = Mutex(0)

    init(_ path: String, _ arguments: [String]) throws {
        child = try ChildProcess(path, arguments, input: input.fileHandleForReading)
    }

    /// Says `line`.
    func say(_ line: String) throws { try input.fileHandleForWriting.write(contentsOf: Data((line + "\n").utf8)) }

    /// The next line that it writes.
    func next(within seconds: Double) async throws -> String {
        let index = answered.withLock { number in
            defer { number += 1 }
            return number
        }
        var lines: [Substring] = []
        let came = await eventually(within: seconds) {
            let output = child.output
            lines = output.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
            return lines.count > index || !child.isRunning
        }
        guard came, lines.count > index else {
            throw Silence(description: "No answer \(index + 1) within \(seconds) s\n\(child.output)\n\(child.errors)")
        }
        return String(lines[index])
    }

    /// Says that there is nothing more to say, and waits for the program's end.
    func end() async -> Int32 {
        try? input.fileHandleForWriting.close()
        return await child.exit(within: 30)
    }

    struct Silence: Error, CustomStringConvertible {
        let description: String
    }
}
