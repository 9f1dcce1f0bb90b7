// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Synchronization

/// Bytes that are made when somebody first needs them, once for all who do.
package final class MadeOnce: Sendable {
    private enum State: Sendable {
        case unmade
        case making([CheckedContinuation<Void, Never>])
        case made(Result<[UInt8], any Error>)
    }

    private enum Step {
        case make, wait
        case done(Result<[UInt8], any Error>)
    }

    private let state: Mutex<State>
    private let make: @Sendable () async throws -> [UInt8]

    /// Bytes that `make` makes.
    package init(_ make: @escaping @Sendable () async throws -> [UInt8]) {
        state = Mutex(.unmade)
        self.make = make
    }

    /// Bytes that are there already.
    package init(_ bytes: [UInt8]) {
        state = Mutex(.made(.success(bytes)))
        make = { bytes }
    }

    /// The bytes, if they are made.
    package var ready: [UInt8]? {
        state.withLock { state in
            guard case .made(let result) = state else { return nil }
            return try? result.get()
        }
    }

    /// The bytes, as soon as they are made; never on an event loop.
    /// - Throws: What making them throws, to everybody.
    @concurrent package func bytes() async throws -> [UInt8] {
        while true {
            switch step() {
            case .done(let result): return try result.get()
            case .make: await finish()
            case .wait: await withCheckedContinuation { continuation in wait(continuation) }
            }
        }
    }

    private func step() -> Step {
        state.withLock { state in
            switch state {
            case .unmade:
                state = .making([])
                return .make
            case .making: return .wait
            case .made(let result): return .done(result)
            }
        }
    }

    private func finish() async {
        let result: Result<[UInt8], any Error>
        do { result = .success(try await make()) } catch { result = .failure(error) }
        let waiting = state.withLock { state -> [CheckedContinuation<Void, Never>] in
            guard case .making(let waiting) = state else { return [] }
            state = .made(result)
            return waiting
        }
        for continuation in waiting { continuation.resume() }
    }

    private func wait(_ continuation: CheckedContinuation<Void, Never>) {
        let isMade = state.withLock { state -> Bool in
            guard case .making(let waiting) = state else { return true }
            state = .making(waiting + [continuation])
            return false
        }
        if isMade { continuation.resume() }
    }
}
