// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The processors that this process may run on.
package enum Processors {
    /// How many there are: what the system has, less what a container's quota or the process's affinity takes away.
    ///
    /// More event loops than that would only wake one another.
    package static var available: Int { max(1, min(System.coreCount, affinity ?? .max)) }

    /// How many processors the scheduler may choose among for this process; nil where the system has no /proc.
    private static var affinity: Int? {
        #if canImport(Glibc) || canImport(Musl)
            let file = open("/proc/self/status", O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { return nil }
            defer { close(file) }
            var buffer = [UInt8](repeating: 0, count: 16 << 10)
            let count = read(file, &buffer, buffer.count)
            guard count > 0 else { return nil }
            return Self.count(inStatus: String(decoding: buffer[..<count], as: UTF8.self))
        #else
            return nil
        #endif
    }

    /// How many processors the line `Cpus_allowed`, a mask in hexadecimal digits and commas, allows (proc(5)).
    package static func count(inStatus status: String) -> Int? {
        let name = "Cpus_allowed:"
        guard let line = status.split(separator: "\n").first(where: { $0.hasPrefix(name) }) else { return nil }
        let count = line.dropFirst(name.count).compactMap(\.hexDigitValue).reduce(0) { $0 + $1.nonzeroBitCount }
        return count > 0 ? count : nil
    }
}
