// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import CFloodgateMalloc

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// What the system says about this process's memory.
enum ProcessMemory {
    /// Hands memory that was freed back to the system, which the allocator otherwise keeps for later.
    static func giveBackFreed() { floodgate_give_back_freed() }

    /// Bytes in physical memory; nil where the system has no /proc.
    static var residentBytes: Int64? {
        #if canImport(Glibc) || canImport(Musl)
            let file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC)
            guard file >= 0 else { return nil }
            defer { close(file) }
            var buffer = [UInt8](repeating: 0, count: 256)
            let count = read(file, &buffer, buffer.count)
            guard count > 0 else { return nil }
            let fields = String(decoding: buffer[..<count], as: UTF8.self).split(separator: " ")
            guard fields.count > 1, let pages = Int64(fields[1]) else { return nil }
            return pages &* Int64(sysconf(Int32(_SC_PAGESIZE)))
        #else
            return nil
        #endif
    }
}
