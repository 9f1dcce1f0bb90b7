// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FoundationEssentials
import Glibc
import Testing

/// A pipe in the place of a file: whoever reads it hangs, as on a disk that does not answer.
struct Pipe {
    let path: String

    init(inPlaceOf path: String) throws {
        self.path = path
        try FileManager.default.removeItem(atPath: path)
        try #require(mkfifo(path, 0o600) == 0)
    }

    /// Lets whoever hangs in reading come to the end of the pipe, which may have been renamed.
    func endReading(at path: String? = nil) async {
        while !Task.isCancelled {
            let descriptor = open(path ?? self.path, O_WRONLY | O_NONBLOCK)
            if descriptor >= 0 {
                close(descriptor)
                return
            }
            await Task.yield()
        }
    }
}
