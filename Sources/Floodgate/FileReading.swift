// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Reads files without trust in what they say of their length.
enum FileReading {
    /// The whole file and when it was written, in Unix milliseconds; nil if it is longer than `limit`, which a device
    /// or a file that grows would not say beforehand.
    static func contents(of path: String, limit: Int) throws(FileFailure) -> (bytes: [UInt8], time: Int64?)? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { throw FileFailure(code: errno) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw FileFailure(code: errno) }
        guard status.st_size <= limit else { return nil }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Int(status.st_size))
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = read(descriptor, &chunk, chunk.count)
            if count < 0, errno == EINTR { continue }
            guard count >= 0 else { throw FileFailure(code: errno) }
            guard count > 0 else { return (bytes, status.milliseconds) }
            guard count <= limit - bytes.count else { return nil }
            bytes += chunk[..<count]
        }
    }
}

/// Why the system did not do something with a file.
struct FileFailure: Error {
    /// The system's number for it.
    let code: Int32
}

extension stat {
    fileprivate var milliseconds: Int64? {
        #if canImport(Darwin)
            let time = st_mtimespec
        #else
            let time = st_mtim
        #endif
        let (milliseconds, overflow) = Int64(time.tv_sec).multipliedReportingOverflow(by: 1000)
        return overflow ? nil : milliseconds + Int64(time.tv_nsec) / 1_000_000
    }
}
