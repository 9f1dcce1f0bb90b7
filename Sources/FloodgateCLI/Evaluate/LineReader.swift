// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Reads lines of any length from a file descriptor as they come, without their ends.
struct LineReader {
    private let descriptor: Int32
    private var chunk = [UInt8](repeating: 0, count: 1 << 16)
    private var pending: ArraySlice<UInt8> = []
    private var isAtEnd = false

    init(descriptor: Int32) { self.descriptor = descriptor }

    /// The next line, or nil at the end of the file.
    /// - Throws: `CommandFailure` if the file cannot be read.
    mutating func next() throws -> [UInt8]? {
        var line: [UInt8] = []
        while true {
            if let end = pending.firstIndex(of: UInt8(ascii: "\n")) {
                line.append(contentsOf: pending[..<end])
                pending = pending[(end + 1)...]
                return line
            }
            line.append(contentsOf: pending)
            pending = []
            if isAtEnd { return line.isEmpty ? nil : line }
            try fill()
        }
    }

    private mutating func fill() throws {
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else {
                throw CommandFailure(.inputOutput, "The input cannot be read: \(String(cString: strerror(errno)))")
            }
            isAtEnd = count == 0
            pending = chunk[..<count]
            return
        }
    }
}
