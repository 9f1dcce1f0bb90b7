// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import BenchmarkKit
internal import CLoad
internal import Glibc
internal import Synchronization

/// A client of the class that is never refused: asks fifty times a second whether there is a new configuration, and
/// whether the server is alive, in turn.
final class GoodClient: Sendable {
    /// What it got.
    struct Outcome: Sendable {
        var answers = 0
        var failures = 0
        /// In microseconds.
        var latencies: [UInt32] = []
    }

    private let outcome = Mutex(Outcome())
    private let isOver = Atomic<Bool>(false)
    private let port: UInt16
    private let requests: [[UInt8]]

    init(port: UInt16, serverKey: String) {
        self.port = port
        requests = ["/v1/download_config_specs/\(serverKey).json?sinceTime=9000000000000", "/livez"].map {
            Array("GET \($0) HTTP/1.1\r\nhost: localhost\r\n\r\n".utf8)
        }
    }

    /// Asks on a thread that goes before the load's, so that waiting for the core does not count as the server's time.
    func start() -> JoinableThread {
        JoinableThread { [self] in
            _ = load_hurry()
            var descriptor: Int32 = -1
            var turn = 0
            var next = LoadLoop.now
            while !isOver.load(ordering: .relaxed) {
                if descriptor < 0 { descriptor = connect() }
                let start = LoadLoop.now
                let isGood = ask(descriptor, requests[turn % 2])
                let time = LoadLoop.now - start
                outcome.withLock { outcome in
                    if isGood { outcome.answers += 1 } else { outcome.failures += 1 }
                    outcome.latencies.append(UInt32(clamping: time / 1_000))
                }
                if !isGood {
                    close(descriptor)
                    descriptor = -1
                }
                turn += 1
                next = max(next + 20_000_000, LoadLoop.now)
                usleep(UInt32(max(1_000, Int(next) - Int(LoadLoop.now)) / 1_000))
            }
            close(descriptor)
        }
    }

    func stop() { isOver.store(true, ordering: .relaxed) }

    /// What it got since this was last asked.
    func take() -> Outcome {
        outcome.withLock { outcome in
            defer { outcome = Outcome() }
            return outcome
        }
    }

    private func connect() -> Int32 {
        let descriptor = Address.connect(port)
        var patience = timeval(tv_sec: 2, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        return descriptor
    }

    private func ask(_ descriptor: Int32, _ request: [UInt8]) -> Bool {
        guard write(descriptor, request, request.count) == request.count else { return false }
        var bytes = [UInt8](repeating: 0, count: 16 << 10)
        let count = read(descriptor, &bytes, bytes.count)
        guard count > 0 else { return false }
        return bytes.withUnsafeBytes {
            guard let head = AnswerHead(UnsafeRawBufferPointer(rebasing: $0.prefix(count))) else { return false }
            return head.status == 200 && count == head.length + head.bodyLength
        }
    }
}
