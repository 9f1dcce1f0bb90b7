// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateIngest
import Foundation
import Logging
import Testing

@Suite("Event transport") struct EventTransportTests {
    @Test(arguments: [1, 5])
    func `keeps the promises of a transport in memory`(partitions: Int) async throws {
        try await checkEventTransport(InMemoryTransport(partitionCount: partitions))
    }

    @Test func `spreads one environment over all partitions, each batch always to the same`() {
        var counts = Array(repeating: 0, count: 64)
        for row in 1...64_000 as ClosedRange<Int64> {
            let position = 3 << 32 | row
            let index = EventPartition.index(environment: "production", position: position, count: 64)
            #expect(index == EventPartition.index(environment: "production", position: position, count: 64))
            counts[index] += 1
        }
        #expect(counts.allSatisfy { 800...1_200 ~= $0 }, "a partition has \(counts.min() ?? 0) to \(counts.max() ?? 0)")
        #expect(EventPartition.index(environment: "", position: .min, count: 0) == 0)
    }

    @Test(arguments: ["", "{}", "[]", "{\"node\":\"a b\"}", "no json", "\u{0}"])
    func `an envelope of something else is an error`(header: String) {
        #expect(throws: TransportError.self) { try TransportEnvelope(header: header, payload: []) }
    }

    @Test func `an envelope refuses numbers that no batch has`() throws {
        let good = try TransportEnvelope(transportBatch(1 << 32 | 7), from: "n").header
        #expect(try TransportEnvelope(header: good, payload: [1]).id == "n/1/7")
        for (old, new) in [("\"events\":1", "\"events\":-1"), ("\"position\":", "\"position\":-"), ("\"n\"", "\"n/\"")]
        {
            let bad = good.replacing(old, with: new)
            #expect(bad != good)
            #expect(throws: TransportError.self) { try TransportEnvelope(header: bad, payload: []) }
        }
    }

    @Test(arguments: ["", "a.b", "a b", "ä", String(repeating: "a", count: 65)])
    func `a node is named such that its name can be a part of others`(node: String) async {
        let error = await #expect(throws: TransportError.self) {
            try await InMemoryTransport().publish(transportBatch(1), from: node)
        }
        #expect(error?.code == .misconfigured)
    }
}

@Suite("Event publisher") struct EventPublisherTests {
    private let log = InMemoryEventLog()
    private let transport = InMemoryTransport(partitionCount: 2)
    private let folder = ScratchFolder()

    private func publisher(_ change: (inout EventPublisherOptions) -> Void = { _ in }) -> EventPublisher {
        var options = EventPublisherOptions()
        options.firstPause = .milliseconds(2)
        options.longestPause = .milliseconds(10)
        options.lookInterval = .milliseconds(5)
        options.markInterval = .milliseconds(5)
        options.checkInterval = .milliseconds(5)
        change(&options)
        return EventPublisher(
            log: log,
            transport: transport,
            node: "n",
            markFile: folder.path + "/mark",
            options: options,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    /// Runs `publisher` while `body` does.
    private func running(_ publisher: EventPublisher, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await publisher.run() }
            while !publisher.isKeepingUp { try await Task.sleep(for: .milliseconds(1)) }
            try await body()
            group.cancelAll()
        }
    }

    private func held() async throws -> Set<Int64> {
        var found: Set<Int64> = []
        for partition in 0..<2 {
            for delivery in try await transport.pull(partition: partition, limit: .max, within: .zero) {
                found.insert(delivery.batch.id)
            }
        }
        return found
    }

    @Test func `an append returns when its batch has arrived`() async throws {
        let publisher = publisher()
        let replicated = ReplicatedEventLog(log: log, publisher: publisher)
        try await running(publisher) {
            for number in 1...50 as ClosedRange<Int64> {
                let position = try await replicated.append(transportBatch(number))
                #expect(publisher.status.published >= position)
            }
            #expect(try await held() == Set(1...50))
            try await publisher.waitUntilReplicated(50)
        }
        #expect(publisher.status.mark == 50)
        #expect(publisher.status.inFlight == 0)
    }

    @Test func `goes on where it was, and sends nothing twice that the mark knows`() async throws {
        for number in 1...10 as ClosedRange<Int64> { _ = try await log.append(transportBatch(number)) }
        let first = publisher()
        try await running(first) { try await first.waitUntilReplicated(10) }
        for number in 11...20 as ClosedRange<Int64> { _ = try await log.append(transportBatch(number)) }
        let second = publisher()
        try await running(second) { try await second.waitUntilReplicated(20) }
        #expect(second.status.published == 10)
        #expect(try await held() == Set(1...20))
    }

    @Test func `sends all of a log that the mark is not about`() async throws {
        try "1000\n".write(toFile: folder.path + "/mark", atomically: true, encoding: .utf8)
        _ = try await log.append(transportBatch(1))
        let publisher = publisher()
        try await running(publisher) { try await publisher.waitUntilReplicated(1) }
        #expect(try await held() == [1])
    }

    @Test(arguments: ["", "7", "x\n", "-1\n", "99999999999999999999\n"])
    func `a mark that does not read is none`(content: String) async throws {
        try content.write(toFile: folder.path + "/mark", atomically: true, encoding: .utf8)
        _ = try await log.append(transportBatch(1))
        let publisher = publisher()
        try await running(publisher) { try await publisher.waitUntilReplicated(1) }
        #expect(try await held() == [1])
    }

    @Test func `a batch whose broker is away stays in the log, is answered in time, and arrives later`() async throws {
        let publisher = publisher { $0.patience = .milliseconds(50) }
        let replicated = ReplicatedEventLog(log: log, publisher: publisher)
        try await running(publisher) {
            transport.fail(with: TransportError(.unavailable, "away"))
            let error = await #expect(throws: EventLogError.self) { try await replicated.append(transportBatch(1)) }
            #expect(error?.code == .unreplicated)
            #expect((error?.cause as? TransportError)?.code == .unavailable)
            // Whoever comes then is refused before anything is done.
            while replicated.isAccepting { try await Task.sleep(for: .milliseconds(1)) }
            #expect(publisher.status.failures[.unavailable] ?? 0 > 0)
            #expect(try await log.counts().batches == 1)

            transport.fail(with: nil)
            while !replicated.isAccepting { try await Task.sleep(for: .milliseconds(1)) }
            try await publisher.waitUntilReplicated(1)
        }
        #expect(try await held() == [1])
    }

    @Test func `begins to accept when the broker comes, without any batch`() async throws {
        transport.fail(with: TransportError(.unavailable, "away"))
        let publisher = publisher { $0.patience = .milliseconds(1) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await publisher.run() }
            while publisher.status.trouble == nil { try await Task.sleep(for: .milliseconds(1)) }
            while publisher.isKeepingUp { try await Task.sleep(for: .milliseconds(1)) }
            transport.fail(with: nil)
            while !publisher.isKeepingUp { try await Task.sleep(for: .milliseconds(1)) }
            group.cancelAll()
        }
        #expect(publisher.status.trouble == nil)
    }

    @Test func `nobody waits for a publisher that does not run`() async throws {
        let publisher = publisher()
        let error = await #expect(throws: TransportError.self) { try await publisher.waitUntilReplicated(1) }
        #expect(error?.code == .closed)

        try await withThrowingTaskGroup(of: TransportError.Code?.self) { group in
            try await running(publisher) {
                group.addTask {
                    do throws(TransportError) {
                        try await publisher.waitUntilReplicated(1)
                        return nil
                    } catch {
                        return error.code
                    }
                }
                while publisher.status.waiting == 0 { try await Task.sleep(for: .milliseconds(1)) }
            }
            #expect(try await group.next() == .closed)
        }
    }

    @Test func `no more is on its way than allowed`() async throws {
        transport.fail(with: TransportError(.full, "full"))
        let few = publisher {
            $0.inFlight = 7
            $0.patience = .seconds(60)
        }
        try await running(few) {
            for number in 1...100 as ClosedRange<Int64> {
                _ = try await log.append(transportBatch(number, size: 1_000))
            }
            while few.status.inFlight < 7 { try await Task.sleep(for: .milliseconds(1)) }
            while few.status.failures[.full] ?? 0 < 50 { try await Task.sleep(for: .milliseconds(1)) }
            #expect(few.status.inFlight == 7)
        }
        // What is late has half of it.
        let small = publisher {
            $0.inFlightBytes = 7_000
            $0.patience = .seconds(60)
        }
        try await running(small) {
            while small.status.inFlight < 4 { try await Task.sleep(for: .milliseconds(1)) }
            while small.status.failures[.full] ?? 0 < 50 { try await Task.sleep(for: .milliseconds(1)) }
            #expect(small.status.inFlight == 4)
            transport.fail(with: nil)
            while small.status.mark < 100 { try await Task.sleep(for: .milliseconds(1)) }
        }
        #expect(try await held() == Set(1...100))
    }
}

/// A folder that goes with the test.
final class ScratchFolder: Sendable {
    let path: String

    init() {
        path = FileManager.default.temporaryDirectory.path + "/floodgate-publisher-\(UUID().uuidString)"
        try? FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A batch at `position`, of `size` bytes that nobody looks into.
func transportBatch(_ position: Int64, size: Int = 10) -> LoggedBatch {
    LoggedBatch(
        id: position,
        receivedAt: position,
        environment: "production",
        keyKind: "server",
        eventCount: 1,
        exposureCount: 0,
        rawSizeBytes: size,
        payload: Array(repeating: 7, count: size)
    )
}
