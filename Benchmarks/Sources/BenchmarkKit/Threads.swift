// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Synchronization

/// A thread of the system's, so that callers run on nobody's pool.
package struct JoinableThread {
    private final class Body {
        let run: () -> Void

        init(_ run: @escaping () -> Void) { self.run = run }
    }

    private let id: pthread_t

    package init(_ run: @escaping @Sendable () -> Void) {
        var id = pthread_t()
        let body = Unmanaged.passRetained(Body(run)).toOpaque()
        let start: @convention(c) (UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? = { argument in
            if let argument { Unmanaged<Body>.fromOpaque(argument).takeRetainedValue().run() }
            return nil
        }
        pthread_create(&id, nil, start, body)
        self.id = id
    }

    package func join() { pthread_join(id, nil) }
}

/// Waits on this thread for `work`, which runs on the runtime's.
///
/// The program has no asynchronous `main`: the runtime would end the main thread for it, in a way that makes valgrind
/// 3.19 crash.
package func wait<Value: Sendable>(for work: @escaping @Sendable () async throws -> Value) throws -> Value {
    let outcome = Outcome<Value>()
    let done = UnsafeMutablePointer<sem_t>.allocate(capacity: 1)
    sem_init(done, 0, 0)
    defer { done.deallocate() }
    nonisolated(unsafe) let signal = done
    Task.detached {
        do {
            let value = try await work()
            outcome.result.withLock { $0 = .success(value) }
        } catch {
            outcome.result.withLock { $0 = .failure(error) }
        }
        sem_post(signal)
    }
    while sem_wait(done) != 0 {}
    guard let result = outcome.result.withLock({ $0 }) else { throw BenchmarkError("nothing came of it") }
    return try result.get()
}

private final class Outcome<Value: Sendable>: Sendable {
    let result = Mutex<Result<Value, any Error>?>(nil)
}
