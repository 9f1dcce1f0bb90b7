// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import BenchmarkKit
internal import Floodgate
internal import Glibc

/// One measurement of the client in a process of its own: lines of JSON on standard output, which sdk.py reads.
@main
struct SDKBenchmark {
    static func main() {
        let entered = Clock.monotonic.now
        do {
            let arguments = try Arguments(CommandLine.arguments.dropFirst())
            switch arguments.work {
            case .document:
                print(String(decoding: MadeUp.document(specs: arguments.specs), as: UTF8.self), terminator: "")
            case .start: try say(Start(arguments).run(entered: entered))
            case .swaps: try say(Swaps(arguments).run())
            case .flood: try say(Flood(arguments).run())
            case .cycles: try say(Cycles(arguments).run())
            case .users: try say(NewUsers(arguments).run())
            }
            fflush(nil)
            // What is loaded is not taken apart.
            _exit(0)
        } catch {
            let message = "error: \(error)\n"
            write(STDERR_FILENO, message, message.utf8.count)
            exit(1)
        }
    }
}

/// Says one thing to whoever reads along.
func say(_ line: JSONObject) {
    print(JSONValue.object(line).text)
    fflush(nil)
}
