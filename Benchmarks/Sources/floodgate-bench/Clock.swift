// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// The clocks of a measurement, in seconds.
enum Clock {
    case wall
    case monotonic
    /// CPU time of all threads.
    case process
    /// CPU time of the calling thread.
    case thread

    var now: Double {
        var time = timespec()
        switch self {
        case .wall: clock_gettime(CLOCK_REALTIME, &time)
        case .monotonic: clock_gettime(CLOCK_MONOTONIC, &time)
        case .process: clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        case .thread: clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
        }
        return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
    }
}

/// What the process holds of memory, in kB, as the kernel says.
enum ResidentMemory: String {
    case now = "VmRSS:"
    case peak = "VmHWM:"

    var sizeKilobytes: Int {
        guard let file = fopen("/proc/self/status", "r") else { return 0 }
        defer { fclose(file) }
        var line = [CChar](repeating: 0, count: 256)
        while fgets(&line, Int32(line.count), file) != nil {
            let words = line.prefix { $0 != 0 }.split { $0 == 32 || $0 == 9 || $0 == 10 }
                .map { String(decoding: $0.map(UInt8.init(bitPattern:)), as: UTF8.self) }
            if words.first == rawValue, words.count > 1 { return Int(words[1]) ?? 0 }
        }
        return 0
    }

    /// Gives what was freed back to the kernel.
    static func trim() {
        // Not in Swift's view of the C library.
        guard let symbol = dlsym(dlopen(nil, RTLD_NOW), "malloc_trim") else { return }
        _ = unsafeBitCast(symbol, to: (@convention(c) (Int) -> Int32).self)(0)
    }
}

/// Reads a whole file.
func contents(of path: String) throws(BenchmarkError) -> [UInt8] {
    guard let file = fopen(path, "rb") else { throw BenchmarkError("cannot read \(path)") }
    defer { fclose(file) }
    fseek(file, 0, SEEK_END)
    let size = ftell(file)
    rewind(file)
    guard size > 0 else { return [] }
    return [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
        count = fread(buffer.baseAddress, 1, size, file)
    }
}
