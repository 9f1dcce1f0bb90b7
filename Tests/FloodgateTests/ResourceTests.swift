// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import FoundationEssentials
import Glibc
import NIOPosix
import Testing

/// Processes that may open or write no more; each is a child, since limits hold for all that a process does.
///
/// On Linux the library behind Swift's tasks opens a file in /proc for each busy thread about once a second, and traps if
/// it cannot; so each test is without descriptors for a moment only, one test after the other.
@Suite("Exhausted resources", .serialized, .timeLimit(.minutes(5)), .filterIssues { !isTrapOfTheRuntime($0) })
struct ResourceTests {
    @Test func `starts without file descriptors, and recovers`() async {
        await untilTheRuntimeHolds {
            await #expect(processExitsWith: .success) {
                // On a thread of its own, so that those of clients are still to be made.
                try await Bench.run(on: MultiThreadedEventLoopGroup(numberOfThreads: 1)) { bench in
                    let client = bench.makeClient()
                    try await withoutDescriptors {
                        #expect(await client.initialize().failure?.code == .network)
                        #expect(!client.checkGate("open", for: user))
                        await client.flush()
                        #expect(client.eventStatistics.waiting == 1)
                    }
                    await bench.poll()
                    #expect(client.checkGate("open", for: user))
                    await client.flush()
                    #expect(client.eventStatistics.sent == 2)
                    await client.shutdown()
                }
            }
        }
    }

    @Test func `keeps time without file descriptors`() async {
        await untilTheRuntimeHolds {
            await #expect(processExitsWith: .success) {
                try await Bench.run(on: MultiThreadedEventLoopGroup(numberOfThreads: 1)) { bench in
                    let client = bench.makeClient(timing: .system) {
                        $0.pollInterval = .seconds(1)
                        $0.shutdownTimeout = .milliseconds(100)
                    }
                    try await withoutDescriptors {
                        #expect(await client.initialize().failure?.code == .network)
                        await client.flush()
                        await client.shutdown()
                        await client.initialize()
                    }
                    while !client.isReady, !Task.isCancelled { await Task.yield() }
                    await client.shutdown()
                }
            }
        }
    }

    @Test func `polls and sends again when there are file descriptors again`() async {
        await untilTheRuntimeHolds {
            await #expect(processExitsWith: .success) {
                try await Bench.run { bench in
                    closeConnections(bench, TestDocument())
                    let client = bench.makeClient()
                    await client.initialize()
                    await bench.clock.isAsked(for: .seconds(10))
                    await noConnections(bench)
                    closeConnections(bench, TestDocument(checksum: "2", gates: ["new": true]))
                    try await withoutDescriptors {
                        #expect(client.checkGate("open", for: user))
                        await client.flush()
                        #expect(client.eventStatistics.waiting == 1)
                        await bench.passInterval()
                        for milliseconds in [100, 200, 400] { await bench.clock.pass(.milliseconds(milliseconds)) }
                        await bench.clock.isAsked(for: .seconds(10))
                        #expect(client.specsStatus.checksum == "1")
                    }
                    await bench.poll()
                    #expect(client.specsStatus.checksum == "2")
                    await client.flush()
                    #expect(client.eventStatistics.sent == 1)
                    await client.shutdown()
                }
            }
        }
    }

    @Test func `counts events that find no file descriptor, and finds those on disk later`() async {
        await untilTheRuntimeHolds {
            await #expect(processExitsWith: .success) {
                try await Bench.run { bench in
                    let folder = newFolder()
                    defer { try? FileManager.default.removeItem(atPath: folder) }
                    closeConnections(bench, TestDocument())
                    bench.server.on(Bench.events, .reply(status: 503, headers: [("connection", "close")], body: []))
                    func client() -> FloodgateClient {
                        bench.makeClient {
                            $0.cacheFolder = folder
                            $0.spillsEvents = true
                        }
                    }
                    let first = client()
                    await first.initialize()
                    first.logEvent("e", for: user)
                    await bench.clock.isAsked(for: .seconds(1))
                    await bench.clock.isAsked(for: .seconds(10))
                    await noConnections(bench)
                    try await withoutDescriptors { await first.shutdown() }
                    #expect(first.eventStatistics.dropped == [.shutdown: 1])

                    let second = client()
                    await second.initialize()
                    second.logEvent("e", for: user)
                    await bench.clock.isAsked(for: .seconds(10))
                    await second.shutdown()
                    #expect(second.eventStatistics.spilled == 1)
                    await noConnections(bench)

                    let third = client()
                    try await withoutDescriptors {
                        #expect(await !third.initialize().isReady)
                        await bench.clock.isAsked(for: .seconds(1))
                        await bench.clock.isAsked(for: .seconds(10))
                        #expect(third.eventStatistics.recovered == 0)
                    }
                    await bench.server.close()
                    await bench.tick()
                    #expect(third.eventStatistics.recovered == 1)
                    await bench.passInterval()
                    for milliseconds in [100, 200, 400] { await bench.clock.pass(.milliseconds(milliseconds)) }
                    await bench.clock.isAsked(for: .seconds(10))
                    #expect(third.specsStatus.source == .file)
                    await third.shutdown()
                }
            }
        }
    }

    @Test(.rows("FAI-09")) func `keeps the good copy when there is no file descriptor for a new one`() async {
        await untilTheRuntimeHolds {
            await #expect(processExitsWith: .success) {
                try await Bench.run { bench in
                    let folder = newFolder()
                    defer { try? FileManager.default.removeItem(atPath: folder) }
                    let log = RecordingLog()
                    let client = bench.makeClient {
                        $0.cacheFolder = folder
                        $0.logger = log.logger
                    }
                    await client.initialize()
                    await bench.clock.isAsked(for: .seconds(10))
                    var document = TestDocument(checksum: "2", gates: ["new": true])
                    bench.server.on(Bench.specs, .later(.ok(document.text)))
                    await bench.passInterval()
                    _ = await bench.server.requests(Bench.specs, count: 2)
                    try await withoutDescriptors {
                        bench.server.release()
                        await bench.clock.isAsked(for: .seconds(10))
                        #expect(client.specsStatus.checksum == "2")
                        #expect(log.lines.contains { $0.contains("was not kept") })
                    }
                    #expect(try contents(folder) == [TestDocument().bytes])
                    document.checksum = "3"
                    bench.server.on(Bench.specs, .ok(document.text))
                    await bench.poll()
                    #expect(try contents(folder) == [document.bytes])
                    await client.shutdown()
                }
            }
        }
    }

    @Test(.rows("FAI-09")) func `keeps the good copy and counts events when the disk is full`() async {
        await untilTheRuntimeHolds {
            await #expect(processExitsWith: .success) {
                try await Bench.run { bench in
                    let folder = newFolder()
                    defer { try? FileManager.default.removeItem(atPath: folder) }
                    let log = RecordingLog()
                    let client = bench.makeClient {
                        $0.cacheFolder = folder
                        $0.spillsEvents = true
                        $0.compressesEvents = false
                        $0.logger = log.logger
                    }
                    await client.initialize()
                    await bench.clock.isAsked(for: .seconds(10))
                    let text = String(repeating: "x", count: 65_536)
                    let document = TestDocument(checksum: "2", gates: ["new": true], extra: ["filling": .string(text)])
                    bench.server.on(Bench.specs, .ok(document.text))
                    bench.server.on(Bench.events, .status(503))
                    try await withFilesUpTo(16_384) {
                        await bench.poll()
                        #expect(client.specsStatus.checksum == "2")
                        #expect(log.lines.contains { $0.contains("was not kept") })
                        client.logEvent("e", for: user, value: .string(text))
                        await client.shutdown()
                        #expect(client.eventStatistics.dropped == [.shutdown: 1])
                        // Nothing half-written is left either.
                        let kept = try contents(folder)
                        #expect(kept == [TestDocument().bytes])
                    }
                    await client.initialize()
                    await bench.clock.isAsked(for: .seconds(10))
                    bench.server.on(Bench.specs, .ok(TestDocument(checksum: "3").text))
                    await bench.poll()
                    #expect(try contents(folder) == [TestDocument(checksum: "3").bytes])
                    await client.shutdown()
                }
            }
        }
    }
}

private let user = FloodgateUser(userID: "u1")

private func newFolder() -> String {
    FileManager.default.temporaryDirectory.appending(path: "floodgate-\(UUID().uuidString)").path()
}

/// What the files in `folder` contain.
private func contents(_ folder: String) throws -> [[UInt8]] {
    // The generation before is there besides.
    try FileManager.default.contentsOfDirectory(atPath: folder).filter { !$0.hasSuffix(".previous") }.map { name in
        [UInt8](try Data(contentsOf: URL(filePath: "\(folder)/\(name)")))
    }
}

/// Serves `document` and takes events, each over a connection of its own.
private func closeConnections(_ bench: Bench, _ document: TestDocument) {
    bench.server.on(Bench.specs, .reply(headers: [("connection", "close")], body: document.bytes))
    bench.server.on(Bench.events, .reply(headers: [("connection", "close")], body: Array("{}".utf8)))
}

/// Waits until both ends of all connections are closed, which would free descriptors later.
private func noConnections(_ bench: Bench) async {
    while bench.server.connectionCount > 0, !Task.isCancelled { await Task.yield() }
}

/// Runs `test` while this process cannot open anything.
private func withoutDescriptors(_ test: () async throws -> Void) async throws {
    // Until the runtime's own threads and timers have theirs: they trap otherwise, in any program with tasks.
    try await Task.sleep(for: .milliseconds(100))
    var limit = rlimit()
    try #require(getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
    limit.rlim_cur = min(limit.rlim_cur, 512)
    try #require(setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0)
    var taken: [Int32] = []
    defer { for descriptor in taken { close(descriptor) } }
    while true {
        let descriptor = open("/dev/null", O_RDONLY)
        guard descriptor >= 0 else { break }
        taken.append(descriptor)
    }
    try await test()
}

/// Runs `test` while this process writes no file longer than `bytes`, as if the disk were full there.
private func withFilesUpTo(_ bytes: UInt, _ test: () async throws -> Void) async throws {
    signal(SIGXFSZ, SIG_IGN)
    var limit = rlimit()
    try #require(getrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
    let usual = limit
    limit.rlim_cur = rlim_t(bytes)
    try #require(setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit) == 0)
    defer {
        limit = usual
        setrlimit(__rlimit_resource_t(RLIMIT_FSIZE.rawValue), &limit)
    }
    try await test()
}

/// Runs a test of a process again when it was brought down by what runs its tasks: with the client or without it, that
/// traps where it cannot open a file in /proc.
///
/// The test must come to its end once, and whatever else goes wrong on the way counts.
private func untilTheRuntimeHolds(_ test: () async -> ExitTest.Result?) async {
    for _ in 0..<8 where await test() != nil { return }
    Issue.record("The runtime trapped each time")
}

/// Whether `issue` is that a child was brought down by what runs its tasks.
private func isTrapOfTheRuntime(_ issue: Issue) -> Bool {
    let text = "\(issue)"
    return text.contains("SIGILL") || text.contains("SIGTRAP")
}
