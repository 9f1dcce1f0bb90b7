// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import Glibc
import Synchronization
import Testing

/// Checks on threads of their own while documents change, above all for the thread sanitizer (`make sanitize`).
@Suite("Swapping documents", .timeLimit(.minutes(5))) struct SwapTests {
    @Test(.rows("EVA-19, SYN-14")) func `answers eight threads from one document each time`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            let isOver = Atomic(false)
            let mixed = Atomic(0)
            let threads = (0..<8).map { number in
                Thread {
                    var round = 0
                    while round < 10_000 || !isOver.load(ordering: .relaxed) {
                        let user = FloodgateUser(userID: "u\(number)-\(round % 100)")
                        round += 1
                        let isLogged = round.isMultiple(of: 16)
                        let gate = client.gate("open", for: user, options: isLogged ? .init() : .withoutExposure)
                        // Even times open the gate, odd ones close it.
                        if gate.value != ((gate.details.time ?? 1) % 2 == 0) { mixed.add(1, ordering: .relaxed) }
                        if isLogged { _ = client.layer("layer", for: user).string("copy", default: "") }
                    }
                }
            }
            for step in 1...20 {
                let document = TestDocument(
                    time: 1_750_000_000_000 + Int64(step),
                    checksum: "c\(step)",
                    gates: ["open": step % 2 == 0]
                )
                bench.server.on(Bench.specs, .ok(document.text))
                await bench.poll()
            }
            isOver.store(true, ordering: .relaxed)
            for thread in threads { thread.join() }
            #expect(mixed.load(ordering: .relaxed) == 0)
            #expect(client.specsStatus.checksum == "c20")
            await client.shutdown()
        }
    }
}

/// A thread of the system's, since tasks share as many as there are cores.
private final class Thread {
    private let handle: pthread_t

    init(_ work: @escaping @Sendable () -> Void) {
        let box = Unmanaged.passRetained(Box(work: work)).toOpaque()
        var handle = pthread_t()
        pthread_create(&handle, nil, { $0.flatMap { Unmanaged<Box>.fromOpaque($0).run() } }, box)
        self.handle = handle
    }

    func join() { pthread_join(handle, nil) }
}

private final class Box: Sendable {
    let work: @Sendable () -> Void

    init(work: @escaping @Sendable () -> Void) { self.work = work }
}

extension Unmanaged<Box> {
    fileprivate func run() -> UnsafeMutableRawPointer? {
        takeRetainedValue().work()
        return nil
    }
}
