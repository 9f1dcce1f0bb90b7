// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Files given as arguments.
enum InputFile {
    /// All bytes of the file at `path`, or of standard input for `-`.
    static func bytes(of path: String, limit: Int) throws(CommandFailure) -> [UInt8] {
        let isStandard = path == "-"
        let descriptor = isStandard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw CommandFailure(.noInput, "\(path) cannot be opened: \(reason())") }
        defer { if !isStandard { close(descriptor) } }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw CommandFailure(.noInput, "\(path) cannot be read: \(reason())") }
            if count == 0 { return bytes }
            bytes.append(contentsOf: chunk[..<count])
            guard bytes.count <= limit else {
                throw CommandFailure(.badInput, "\(path) has more than \(limit >> 20) MiB, which is the limit")
            }
        }
    }

    private static func reason() -> String { String(cString: strerror(errno)) }
}
