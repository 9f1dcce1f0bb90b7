// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Lets one task at a time through, in the order of arrival; a task that is cancelled while it waits gives up its place.
final class Turnstile: Sendable {
    private struct Place {
        var id: UInt64
        var continuation: CheckedContinuation<Bool, Never>
    }

    private struct State {
        var isTaken = false
        var nextID: UInt64 = 0
        var queue: [Place] = []
    }

    private let state = Mutex(State())

    /// Waits for its turn, after which `leave` is due; false if the task was cancelled first.
    func enter() async -> Bool {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let answer: Bool? = state.withLock { state in
                    if !state.isTaken {
                        state.isTaken = true
                        return true
                    }
                    if Task.isCancelled { return false }
                    state.queue.append(Place(id: id, continuation: continuation))
                    return nil
                }
                if let answer { continuation.resume(returning: answer) }
            }
        } onCancel: {
            let place: Place? = state.withLock { state in
                guard let position = state.queue.firstIndex(where: { $0.id == id }) else { return nil }
                return state.queue.remove(at: position)
            }
            place?.continuation.resume(returning: false)
        }
    }

    /// Lets the next one through.
    func leave() {
        let next: Place? = state.withLock { state in
            guard !state.queue.isEmpty else {
                state.isTaken = false
                return nil
            }
            return state.queue.removeFirst()
        }
        next?.continuation.resume(returning: true)
    }
}
