// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import FloodgateTestSupport

/// The built program and the tools beside it.
enum Program {
    /// The product `floodgate`, which lies beside the program that runs the tests.
    static func floodgate() throws -> String {
        let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent()
        let path = folder.appendingPathComponent("floodgate").path
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw Missing("There is no program at \(path); `swift build --build-tests` makes it")
        }
        return path
    }

    /// The Python of the environment that `make test` sets up.
    static func python() throws -> String {
        let path = SharedData.repository + "/.venv/bin/python"
        guard FileManager.default.isExecutableFile(atPath: path) else {
            throw Missing("There is no Python environment at .venv; `make test` (Scripts/bootstrap.sh test) makes it")
        }
        return path
    }

    /// DuckDB's program, which `make test` sets up beside Python.
    static func duckDB() throws -> String {
        let libraries = SharedData.repository + "/.venv/lib"
        let versions = (try? FileManager.default.contentsOfDirectory(atPath: libraries)) ?? []
        let paths = versions.map { "\(libraries)/\($0)/site-packages/duckdb_cli/duckdb" }
        guard let path = paths.first(where: FileManager.default.isExecutableFile) else {
            throw Missing("There is no DuckDB in .venv; `make test` (Scripts/bootstrap.sh test) installs it")
        }
        return path
    }

    /// A script in `Clients`.
    static func client(_ name: String) -> String { SharedData.repository + "/Tests/IntegrationTests/Clients/" + name }

    /// Something that has to be installed first.
    struct Missing: Error, CustomStringConvertible {
        let description: String

        init(_ description: String) { self.description = description }
    }

    /// What a program that has ended left behind.
    struct Outcome: CustomStringConvertible {
        let status: Int32
        let output: String
        let errors: String

        var description: String { "exit \(status)\nstdout: \(output)\nstderr: \(errors)" }
        /// The lines of the standard error stream.
        var errorLines: [Substring] { errors.split(separator: "\n") }
    }

    /// What `floodgate` prints when it does well, without the last line's end.
    static func text(_ arguments: String...) async throws -> String {
        let outcome = try await run(try floodgate(), arguments)
        guard outcome.status == 0 else { throw Missing("floodgate \(arguments.joined(separator: " ")): \(outcome)") }
        return String(outcome.output.reversed().drop { $0.isNewline }.reversed())
    }

    /// Runs `path` to its end.
    static func run(
        _ path: String,
        _ arguments: [String],
        input: String = "",
        environment: [String: String] = [:]
    ) async throws -> Outcome {
        let folder = try TemporaryFolder()
        let inputFile = folder.path + "/input"
        try Data(input.utf8).write(to: URL(fileURLWithPath: inputFile))
        let child = try ChildProcess(
            path,
            arguments,
            input: FileHandle(forReadingAtPath: inputFile),
            environment: environment,
            folder: folder
        )
        let status = await child.exit()
        return Outcome(status: status, output: child.output, errors: child.errors)
    }

    /// Runs `floodgate` to its end.
    static func floodgate(_ arguments: String..., input: String = "") async throws -> Outcome {
        try await run(try floodgate(), arguments, input: input)
    }
}

/// A folder that goes away with its last user.
final class TemporaryFolder: Sendable {
    let path: String

    init() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("floodgate-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        path = folder.path
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
