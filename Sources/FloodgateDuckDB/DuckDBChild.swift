// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Dispatch
internal import FloodgateWarehouse
internal import Foundation
internal import Synchronization

/// DuckDB's program as a child that lives from one request to the next, and is started again when it died.
///
/// One request runs at a time; others wait in order.
final class DuckDBChild: Sendable {
    /// What is sent to the program, and how much the answer may cost.
    struct Request: Sendable {
        /// Each one line, as `DuckDBStatement` makes them; the first that fails ends the request.
        var statements: [String]
        var time: Duration
        var memoryBytes: Int64
        var resultRows = Int.max
        /// Bytes of the answer that are kept.
        var resultBytes = 512 << 20
    }

    private struct State {
        var pipes: DuckDBPipes?
        /// How much memory the program was started with; it cannot be told later.
        var memoryBytes: Int64 = 0
        /// Rises with every start: what was made in the program before is gone.
        var starts = 0
        /// The request that runs, so that cancelling another does not end it.
        var running: UInt64 = 0
        var requests: UInt64 = 0
        var cancelled: Set<UInt64> = []
    }

    private let program: String
    private let folder: String
    private let temporary: String
    private let threads: Int
    private let state = Mutex(State())
    // The exchange blocks, so it has a thread of its own.
    private let queue: DispatchQueue

    /// Prepares a child that may read and write in `folder` only; it is started with the first request.
    init(program: String, folder: String, temporary: String, threads: Int, label: String) {
        self.program = program
        self.folder = folder
        self.temporary = temporary
        self.threads = threads
        queue = DispatchQueue(label: "floodgate.duckdb.\(label)")
    }

    deinit { end() }

    /// Ends the program and what it is doing; the next request starts it again.
    func shutdown() async {
        kill()
        await withCheckedContinuation { continuation in
            queue.async {
                self.end()
                continuation.resume()
            }
        }
    }

    private func end() {
        let pipes = state.withLock { state in
            defer { state.pipes = nil }
            return state.pipes
        }
        pipes?.end()
    }

    /// Kills the program, as a fault would.
    func kill() {
        state.withLock { state in
            if let pipes = state.pipes { _ = Foundation.kill(pipes.process, SIGKILL) }
        }
    }

    /// Performs `request`.
    ///
    /// - Parameters:
    ///   - request: What to do.
    ///   - setUp: What a program that was just started does first.
    /// - Returns: The lines of all answers.
    /// - Throws: As the program says, `.limit` if the request takes too long or answers too much, `.unavailable` if the
    ///   program cannot be started or dies.
    func perform(
        _ request: Request,
        setUp: @escaping @Sendable (_ start: Int) -> [String] = { _ in [] }
    ) async throws(WarehouseError) -> [[UInt8]] {
        let number = state.withLock { state in
            state.requests += 1
            return state.requests
        }
        let result: Result<[[UInt8]], WarehouseError> = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                queue.async { continuation.resume(returning: self.run(request, number, setUp)) }
            }
        } onCancel: {
            state.withLock { state in
                state.cancelled.insert(number)
                if state.running == number, let pipes = state.pipes { _ = Foundation.kill(pipes.process, SIGKILL) }
            }
        }
        return try result.get()
    }

    private func run(
        _ request: Request,
        _ number: UInt64,
        _ setUp: (Int) -> [String]
    ) -> Result<[[UInt8]], WarehouseError> {
        let isCancelled = state.withLock { state in
            state.running = number
            return state.cancelled.remove(number) != nil
        }
        defer {
            state.withLock { state in
                state.running = 0
                state.cancelled.remove(number)
            }
        }
        if isCancelled { return .failure(WarehouseError(.limit, "the question was given up")) }
        do {
            let deadline = ContinuousClock.now + request.time
            var (pipes, start) = try started(request.memoryBytes)
            var lines: [[UInt8]] = []
            var bytes = 0
            do {
                let preparations = setUp(start)
                for (index, statement) in (preparations + request.statements).enumerated() {
                    let said = try pipes.exchange(
                        "\(statement);\n.print \(Self.end)\n",
                        until: Self.end,
                        before: deadline
                    ) {
                        // An answer without rows is an empty line.
                        guard index >= preparations.count, !$0.isEmpty else { return true }
                        bytes += $0.count
                        guard lines.count < request.resultRows, bytes <= request.resultBytes else { return false }
                        lines.append(Array($0))
                        return true
                    }
                    guard said.isEmpty else { throw DuckDBFailure.error(String(decoding: said, as: UTF8.self)) }
                }
            } catch let failure as DuckDBPipes.Failure {
                end()
                switch failure {
                case .late: throw WarehouseError(.limit, "DuckDB had no answer after \(request.time)")
                case .long:
                    throw WarehouseError(.limit, "the answer is longer than \(request.resultRows) rows or too large")
                case .gone: throw WarehouseError(.unavailable, "DuckDB's program ended in the middle of a request")
                }
            }
            state.withLock { if $0.pipes != nil { $0.pipes = pipes } }
            return .success(lines)
        } catch {
            let error = error as? WarehouseError ?? WarehouseError(.failed, "\(error)")
            // What DuckDB calls a fault of its own leaves it unusable.
            if error.code == .failed { end() }
            return .failure(error)
        }
    }

    /// The running program, or a new one, and how often it was started.
    private func started(_ memoryBytes: Int64) throws -> (pipes: DuckDBPipes, start: Int) {
        let (known, start) = state.withLock { ($0.memoryBytes == memoryBytes ? $0.pipes : nil, $0.starts) }
        if let known { return (known, start) }
        end()
        var pipes = try DuckDBPipes(program, ["-batch", "-no-init", "-jsonlines", ":memory:"])
        // Known before it is spoken to, so that whoever wants its end finds it.
        let next = state.withLock { state in
            state.pipes = pipes
            state.memoryBytes = memoryBytes
            state.starts += 1
            return state.starts
        }
        let lockdown = [
            "set memory_limit = '\(memoryBytes / 1_000_000)MB'",
            "set threads = \(threads)",
            "set temp_directory = \(DuckDBStatement.literal(temporary))",
            "set max_temp_directory_size = '\(16 * memoryBytes / 1_000_000)MB'",
            "set autoinstall_known_extensions = false",
            "set autoload_known_extensions = false",
            "set timezone = 'UTC'",
            "set allowed_directories = [\(DuckDBStatement.literal(folder + "/"))]",
            "set enable_external_access = false",
            "set lock_configuration = true",
        ]
        let text = lockdown.map { "\($0);\n" }.joined() + ".print \(Self.end)\n"
        do {
            let said = try pipes.exchange(text, until: Self.end, before: .now + .seconds(20)) { _ in true }
            guard said.isEmpty else {
                throw WarehouseError(
                    .failed,
                    "DuckDB does not take its settings: \(String(decoding: said, as: UTF8.self))"
                )
            }
        } catch is DuckDBPipes.Failure {
            end()
            throw WarehouseError(.unavailable, "\(program) starts, but does not speak as DuckDB's program does")
        }
        return (pipes, next)
    }

    /// No answer has this line: rows begin with a brace.
    private static let end = "--floodgate-end--"
}
