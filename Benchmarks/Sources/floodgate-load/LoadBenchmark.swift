// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import BenchmarkKit
internal import CLoad
internal import Glibc

/// Finds out what the server can do, offers it many times that, and prints what became of it as a Markdown table.
@main struct LoadBenchmark {
    static func main() {
        do {
            let arguments = try Arguments(CommandLine.arguments.dropFirst())
            signal(SIGPIPE, SIG_IGN)
            guard load_pin(Int32(arguments.cores.load)) == 0 else { throw BenchmarkError("there is no such core") }
            raiseDescriptors()
            for route in arguments.routes {
                let server = try ServerProcess(arguments)
                defer { server.stop() }
                print(Overload(route, server, arguments).run().text)
            }
        } catch {
            say("floodgate-load: \(error)\n")
            exit(1)
        }
    }

    /// Writes to standard error.
    static func say(_ text: String) {
        let bytes = Array(text.utf8)
        _ = write(2, bytes, bytes.count)
    }

    private static func raiseDescriptors() {
        var limit = rlimit()
        getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        limit.rlim_cur = limit.rlim_max
        setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
    }
}
