// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Foundation
import Synchronization

/// A program that runs beside the tests; its output goes to files, so that no pipe can fill up or stay open.
final class ChildProcess: Sendable {
    private let process: Mutex<Process>
    private let status = Mutex<Int32?>(nil)
    private let folder: TemporaryFolder
    /// The process's number.
    let id: Int32

    /// Starts `path`.
    init(
        _ path: String,
        _ arguments: [String],
        input: FileHandle? = nil,
        environment: [String: String] = [:],
        folder: TemporaryFolder? = nil
    ) throws {
        let folder = try folder ?? TemporaryFolder()
        self.folder = folder
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        var variables = ProcessInfo.processInfo.environment.filter { !$0.key.hasPrefix("FLOODGATE_") }
        variables["PYTHONDONTWRITEBYTECODE"] = "1"
        process.environment = variables.merging(environment) { $1 }
        process.standardInput = input ?? FileHandle.nullDevice
        for (name, isErrors) in [("stdout", false), ("stderr", true)] {
            let file = folder.path + "/" + name
            _ = FileManager.default.createFile(atPath: file, contents: nil)
            let handle = FileHandle(forWritingAtPath: file)
            if isErrors { process.standardError = handle } else { process.standardOutput = handle }
        }
        try process.run()
        id = process.processIdentifier
        self.process = Mutex(process)
    }

    deinit { kill(SIGKILL) }

    /// Whether it has not ended yet.
    var isRunning: Bool { process.withLock { $0.isRunning } }

    /// Sends it a signal, unless it has ended.
    func kill(_ signal: Int32) {
        process.withLock { process in
            if process.isRunning { _ = Foundation.kill(process.processIdentifier, signal) }
        }
    }

    /// Waits for its end; the exit code, or minus the number of the signal that ended it.
    func exit(within seconds: Double = 120) async -> Int32 {
        let ended = await eventually(within: seconds) { !self.isRunning }
        if !ended { kill(SIGKILL) }
        return process.withLock { process in
            process.waitUntilExit()
            return process.terminationReason == .uncaughtSignal ? -process.terminationStatus : process.terminationStatus
        }
    }

    /// What it has written to its standard output.
    var output: String { read("stdout") }
    /// What it has written to its standard error stream.
    var errors: String { read("stderr") }

    private func read(_ name: String) -> String {
        (try? String(contentsOfFile: folder.path + "/" + name, encoding: .utf8)) ?? ""
    }
}

/// Waits until `condition` holds, looking 100 times a second; false if it does not in time.
func eventually(within seconds: Double, _ condition: () async -> Bool) async -> Bool {
    let clock = ContinuousClock()
    let end = clock.now.advanced(by: .seconds(seconds))
    while true {
        if await condition() { return true }
        guard clock.now < end, (try? await Task.sleep(for: .milliseconds(10))) != nil else { return false }
    }
}
