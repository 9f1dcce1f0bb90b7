// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ServiceLifecycle

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Room on the disk that is taken while there is enough, so that a start finds some when there is none.
///
/// Events may fill a disk, and so may others; a server that is killed then has to recover its files and to note that it
/// has started, or it would need somebody to make room.
extension DataFolder {
    /// The file that takes the room; nothing is in it.
    package var reserveFile: String { path + "/reserve" }

    /// Gives the room back to the disk, for a start.
    package func releaseReserve() { unlink(reserveFile) }

    /// Takes `sizeBytes` of room but no more than a quarter of the disk, or as much of that as there is in steps of 1 MiB.
    ///
    /// 2 MiB are left for what a start writes behind it. What is taken already stays.
    package func holdReserve(_ sizeBytes: Int = 64 << 20) {
        let descriptor = open(reserveFile, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return }
        defer { close(descriptor) }
        var status = stat()
        let held = fstat(descriptor, &status) == 0 ? Int(clamping: status.st_size) : 0
        let (disk, free) = Self.disk(of: path)
        // Of a small disk all would be taken, and nothing be left to work with.
        var size = min(sizeBytes, disk / 4, free < .max - held ? held + free - (2 << 20) : .max)
        while size > held, !Self.allocate(size, for: descriptor) { size -= 1 << 20 }
        if size <= 0, held == 0 { unlink(reserveFile) }
    }

    /// Bytes that the disk of `path` has in all, and how many of them nobody has taken.
    private static func disk(of path: String) -> (size: Int, free: Int) {
        var status = statvfs()
        guard statvfs(path, &status) == 0 else { return (.max, .max) }
        func bytes(_ blocks: some BinaryInteger) -> Int {
            let (bytes, overflow) = UInt64(blocks).multipliedReportingOverflow(by: UInt64(status.f_frsize))
            return overflow ? .max : Int(clamping: bytes)
        }
        return (bytes(status.f_blocks), bytes(status.f_bavail))
    }

    private static func allocate(_ size: Int, for descriptor: Int32) -> Bool {
        #if canImport(Darwin)
            var request = fstore_t(
                fst_flags: UInt32(F_ALLOCATEALL),
                fst_posmode: F_PEOFPOSMODE,
                fst_offset: 0,
                fst_length: off_t(size),
                fst_bytesalloc: 0
            )
            return fcntl(descriptor, F_PREALLOCATE, &request) == 0
        #else
            return posix_fallocate(descriptor, 0, off_t(size)) == 0
        #endif
    }
}

/// Takes the reserve again when there is room again: a start on a full disk has used some of it.
struct ReserveKeeper: Service {
    let folder: DataFolder

    func run() async {
        await cancelWhenGracefulShutdown {
            // Often, since what has filled a disk may do so again soon; it costs three calls to the system.
            while (try? await Task.sleep(for: .milliseconds(250))) != nil { folder.holdReserve() }
        }
    }
}
