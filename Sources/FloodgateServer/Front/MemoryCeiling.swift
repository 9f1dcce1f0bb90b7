// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// How much memory this process may use where nobody said so.
package enum MemoryCeiling {
    /// The least limit of the control groups that the process is in, or three quarters of the machine's memory.
    package static let ofProcess: Int = {
        let physical = sysconf(Int32(_SC_PHYS_PAGES)) * sysconf(Int32(_SC_PAGESIZE))
        return bytes(physical: physical, read: contents)
    }()

    /// The same of a machine with `physical` bytes whose files `read` gives.
    package static func bytes(physical: Int, read: (String) -> String?) -> Int {
        let machine = physical > 0 ? physical / 4 * 3 : 1 << 30
        return groupFiles(read("/proc/self/cgroup") ?? "").reduce(machine) { least, file in
            // Without a limit there is "max" (version 2), or a number beyond any memory (version 1).
            let text = read(file)?.split(whereSeparator: \.isNewline).first ?? ""
            guard let limit = Int(text), limit > 0, limit < physical else { return least }
            return min(least, limit)
        }
    }

    /// Where the limits stand of the groups in `list`, which is as proc_pid_cgroup(5) has it, and of those around them.
    private static func groupFiles(_ list: String) -> [String] {
        list.split(whereSeparator: \.isNewline).flatMap { line -> [String] in
            let parts = line.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            guard parts.count == 3 else { return [] }
            let root: String
            let name: String
            if parts[0] == "0", parts[1].isEmpty {
                (root, name) = ("/sys/fs/cgroup", "memory.max")
            } else if parts[1].split(separator: ",").contains("memory") {
                (root, name) = ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")
            } else {
                return []
            }
            let segments = parts[2].split(separator: "/")
            return (0...segments.count).map { count in
                segments[..<count].reduce(root) { $0 + "/" + $1 } + "/" + name
            }
        }
    }

    private static func contents(of path: String) -> String? {
        let file = open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { return nil }
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 16 << 10)
        let count = read(file, &bytes, bytes.count)
        return count < 0 ? nil : String(decoding: bytes[..<count], as: UTF8.self)
    }
}
