// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import BenchmarkKit
internal import FloodgateEvaluation
internal import FloodgateJSON
internal import Glibc

/// Floodgate as a contestant of the peer kit: one work, one line of JSON on standard output.
@main
struct Benchmark {
    static func main() {
        do {
            if CommandLine.arguments.dropFirst().first == "sink" { return try Sink.serve() }
            let arguments = try Arguments(CommandLine.arguments.dropFirst())
            let inputs = try Inputs(arguments)
            let line = try arguments.work == .load ? load(arguments, inputs) : measure(arguments, inputs)
            print(JSONValue.object(line).text)
            fflush(nil)
            // Like the other contestants: what is loaded is not taken apart.
            _exit(0)
        } catch {
            let message = "error: \(error)\n"
            write(STDERR_FILENO, message, message.utf8.count)
            exit(1)
        }
    }

    private static func measure(_ arguments: Arguments, _ inputs: Inputs) throws -> JSONObject {
        let measurement = Measurement(arguments: arguments, inputs: inputs)
        switch arguments.interface {
        case .evaluator:
            return try measurement.run(EvaluatorEngine(document: inputs.document))
        case .client, .logging:
            return try measurement.run(makeClient(arguments, inputs))
        }
    }

    /// Parses, checks and compiles the document, once, in a process that has not done so before.
    private static func load(_ arguments: Arguments, _ inputs: Inputs) throws -> JSONObject {
        let user = inputs.makeUsers()[0]
        ResidentMemory.trim()
        let resident = ResidentMemory.now.sizeKilobytes
        let (cpu, start) = (Clock.process.now, Clock.monotonic.now)
        let engine: any Engine =
            switch arguments.interface {
            case .evaluator: try EvaluatorEngine(document: inputs.document)
            case .client, .logging: try makeClient(arguments, inputs)
            }
        let (wall, spent) = (Clock.monotonic.now - start, Clock.process.now - cpu)
        let kept = ResidentMemory.now.sizeKilobytes - resident
        ResidentMemory.trim()
        let trimmed = ResidentMemory.now.sizeKilobytes - resident
        return [
            "peer": "floodgate", "work": "f", "api": .string(arguments.interface.rawValue),
            "load_ms": .double(wall * 1e3), "load_cpu_ms": .double(spent * 1e3), "rss_delta_kb": .integer(kept),
            "rss_trimmed_delta_kb": .integer(trimmed), "peak_kb": .integer(ResidentMemory.peak.sizeKilobytes),
            "doc_bytes": .integer(inputs.document.count),
            "check": .integer(engine.checkGate("g07996", for: user) ? 1 : 0),
        ]
    }

    #if canImport(Floodgate)
        private static func makeClient(_ arguments: Arguments, _ inputs: Inputs) throws -> some Engine {
            let logs = arguments.logsExposures || arguments.interface == .logging
            let sink = try logs ? Sink().url : nil
            return try wait {
                try await ClientEngine(
                    document: inputs.document,
                    logsExposures: arguments.logsExposures,
                    sink: sink
                )
            }
        }
    #else
        private static func makeClient(_ arguments: Arguments, _ inputs: Inputs) throws -> EvaluatorEngine {
            throw BenchmarkError("this program was built without the client; add --api evaluator")
        }
    #endif
}
