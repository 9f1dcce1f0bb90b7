// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// What the kernel knows of the calling thread.
enum ThreadFacts {
    /// How often the thread had to make room for another one.
    static var preemptions: Int {
        // Not in Swift's view of the C library: RUSAGE_THREAD.
        let thread = __rusage_who_t(1)
        var usage = rusage()
        return getrusage(thread, &usage) == 0 ? usage.ru_nivcsw : 0
    }
}

/// What the process holds of the system, by the kernel's count.
enum ProcessFacts {
    /// Threads that are alive.
    static var threads: Int { entries(of: "/proc/self/task") }

    /// Open descriptors, but for the one that counts them.
    static var descriptors: Int { entries(of: "/proc/self/fd") - 1 }

    private static func entries(of folder: String) -> Int {
        guard let stream = opendir(folder) else { return 0 }
        defer { closedir(stream) }
        var count = 0
        while readdir(stream) != nil { count += 1 }
        // Itself and what it is in.
        return count - 2
    }
}
