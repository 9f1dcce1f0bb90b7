// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateJSON
import FloodgateServer

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// `floodgate evaluate`: a black box for anyone's tests of documents and SDKs.
struct EvaluateCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "evaluate",
        abstract: "Evaluate specs for users, without a server.",
        discussion: """
            Reads JSON Lines. Each line is one case:

              {"specs": a config-specs document of shape v1 or v2,
               "id_lists": {name: [eight-character ids]},
               "options": {"environment": "staging", "global_custom_fields": {…}},
               "overrides": [[kind, name, value, unit ID or null]],
               "users": [user objects as SDKs write them],
               "persisted": [for each user null or {"values": {name: sticky value} or null,
                 "enforce_targeting": false, "enforce_overrides": false}],
               "parameter_stores": {name: [parameters to read]}}

            Only specs and users are needed. For each line one line comes out, {"results": [one per user]}:

              gates        name: [value, rule id, id type, version, outcome]
              configs      name: [value, rule id, id type, version, outcome]
              experiments  the same five, group name, is active, secondary exposures
              layers       as experiments, then allocated experiment
              gcir         feature_gates, dynamic_configs and layer_configs of the client-initialize response, hash none

            Where it was asked for, also:

              sticky_experiments, sticky_layers
                           name: [as above, time of a kept value or false, what is to be stored], the last being null,
                           [delete, name, key] or [save, name, key, sticky value]
              parameter_stores
                           name: parameter: [text, float, integer, boolean, list, object], null where it is none of that

            The outcome is Recognized, Unrecognized, Unsupported, LocalOverride, Persisted or Error. Every \
            entry of dynamic_configs is asked as a config and as an experiment. A line that cannot be read becomes {"error": "why"}, and the next one is read.
            Exits with 65 if there was such a line, 66 if the file is not there.
            """
    )

    @Option(help: ArgumentHelp("File of cases; - is standard input.", valueName: "file"))
    var cases = "-"

    func run() throws {
        var reader = LineReader(descriptor: try descriptor())
        var failures = 0
        while let line = try reader.next() {
            if line.allSatisfy({ $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }) { continue }
            var answer: [UInt8]
            do {
                answer = try EvaluationCase(line, now: SystemClock.now).results()
            } catch {
                failures += 1
                answer = JSONValue.object(["error": .string("\(error)")]).bytes
            }
            answer.append(UInt8(ascii: "\n"))
            StandardStreams.output(String(decoding: answer, as: UTF8.self))
        }
        if failures > 0 { throw ExitCode(CommandFailure.Code.badInput.rawValue) }
    }

    private func descriptor() throws -> Int32 {
        if cases == "-" { return STDIN_FILENO }
        let descriptor = open(cases, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw CommandFailure(.noInput, "\(cases) cannot be opened: \(String(cString: strerror(errno)))")
        }
        return descriptor
    }
}
