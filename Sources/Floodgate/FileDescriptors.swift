// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// What the process may open at a time: files, connections, and what its event loops wait on.
enum FileDescriptors {
    /// Whether `count` more could be opened a moment ago; tried, since no limit tells how many are in use.
    static func areLeft(_ count: Int) -> Bool {
        var opened: [Int32] = []
        defer { for descriptor in opened { close(descriptor) } }
        while opened.count < count {
            var pair: [Int32] = [-1, -1]
            guard pipe(&pair) == 0 else { return false }
            opened += pair
        }
        return true
    }
}
