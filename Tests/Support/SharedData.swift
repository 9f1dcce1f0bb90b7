// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Reference data that lies beside the repository, if this machine has it.
///
/// A clone without the folder still passes its tests: each comparison that needs it says that it could not be made.
package enum SharedData {
    /// The repository's root, found from this file's place in it.
    package static let repository: String = {
        var parts = #filePath.split(separator: "/", omittingEmptySubsequences: false)
        parts.removeLast(3)
        return parts.joined(separator: "/")
    }()

    /// The bytes of `path` below the shared folder, or nil (with a line on stdout) if it is not there.
    package static func bytes(_ path: String) -> [UInt8]? {
        let found = readFile("\(repository)/../shared/\(path)")
        if found == nil { print("Not compared: there is no ../shared/\(path) beside this clone.") }
        return found
    }

    /// The bytes of `path` inside the repository, or nil if there is no such file.
    package static func repositoryBytes(_ path: String) -> [UInt8]? { readFile("\(repository)/\(path)") }

    private static func readFile(_ path: String) -> [UInt8]? {
        guard let file = fopen(path, "rb") else { return nil }
        defer { fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = fread(&chunk, 1, chunk.count, file)
            if count == 0 { return bytes }
            bytes.append(contentsOf: chunk[..<count])
        }
    }
}
