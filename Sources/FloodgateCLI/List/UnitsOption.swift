// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateEvaluation

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Which units are meant: those on the command line, and those of a file.
struct UnitsOption: ParsableArguments {
    @Argument(help: "Unit IDs.") var units: [String] = []
    @Option(help: ArgumentHelp("Unit IDs, one a line; - is standard input.", valueName: "file")) var file: String?

    /// The units' hashes; blank lines of a file do not count.
    func hashed() throws -> IDList {
        var reader = IDListReader()
        for id in units { reader.add(unitID: id) }
        guard let file else { return reader.finish() }
        let isStandard = file == "-"
        let descriptor = isStandard ? STDIN_FILENO : open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CommandFailure(.noInput, "\(file) cannot be opened: \(String(cString: strerror(errno)))")
        }
        defer { if !isStandard { close(descriptor) } }
        var lines = LineReader(descriptor: descriptor)
        while var line = try lines.next() {
            if line.last == UInt8(ascii: "\r") { line.removeLast() }
            if line.contains(where: { $0 != 0x20 && $0 != 0x09 }) {
                reader.add(unitID: String(decoding: line, as: UTF8.self))
            }
        }
        return reader.finish()
    }

    /// The same; none at all is a mistake.
    func someHashed() throws -> IDList {
        guard !units.isEmpty || file != nil else {
            throw CommandFailure(.usage, "Say which units: as arguments, or with --file (- is standard input)")
        }
        return try hashed()
    }
}
