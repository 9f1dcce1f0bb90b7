// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateIngest
import Foundation
import Logging
import Testing

/// JS-1 and EV-12: what a broker loses is noticed, and is sent again.
@Suite("Loss at the broker") struct BrokerLossTests {
    private let log = InMemoryEventLog()
    private let transport = InMemoryTransport(partitionCount: 2)
    private let folder = ScratchFolder()

    private func publisher(
        looks: Duration = .milliseconds(2),
        of log: (any EventLog)? = nil
    ) -> EventPublisher {
        var options = EventPublisherOptions()
        options.firstPause = .milliseconds(2)
        options.longestPause = .milliseconds(10)
        options.lookInterval = .milliseconds(5)
        options.markInterval = .milliseconds(2)
        options.checkInterval = .milliseconds(2)
        options.lossInterval = looks
        return EventPublisher(
            log: log ?? self.log,
            transport: transport,
            node: "n",
            markFile: folder.path + "/mark",
            options: options,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    private func append(_ rows: ClosedRange<Int64>) async throws {
        for row in rows { _ = try await log.append(transportBatch(row)) }
    }

    /// Runs a publisher until it has sent all and kept the mark, and then `body`.
    private func running(
        _ publisher: EventPublisher,
        of log: InMemoryEventLog? = nil,
        _ body: () async throws -> Void = {}
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await publisher.run() }
            let last = try await (log ?? self.log).counts().lastPosition
            try await until { publisher.status.mark >= last }
            try await body()
            group.cancelAll()
        }
    }

    private func until(_ condition: () async throws -> Bool) async throws {
        while try await !condition() { try await Task.sleep(for: .milliseconds(1)) }
    }

    /// How many batches lie in each partition.
    private func stored() async throws -> [Int64] {
        try await transport.status().partitions.map { $0.pending + $0.unacknowledged }
    }

    /// What the mark says; empty if there is none yet.
    private var mark: String { (try? String(contentsOfFile: folder.path + "/mark", encoding: .utf8)) ?? "" }

    @Test func `a partition that was made anew gets again all that the log holds, without a batch`() async throws {
        try await append(1...40)
        let publisher = publisher()
        try await running(publisher) {
            // Not before it is known which life of the partitions it was.
            try await until { mark.contains("epoch") }
            transport.remake()
            try await until { try await stored().reduce(0, +) == 40 }
            try await until { publisher.status.mark == 40 }
            #expect(publisher.status.losses == 1)
            try await append(41...42)
            try await publisher.waitUntilReplicated(42)
        }
        #expect(publisher.status.losses == 1)
        #expect(try await stored().reduce(0, +) == 42)
    }

    @Test func `a partition that is behind what it acknowledged gets it again, and no other does`() async throws {
        try await append(1...40)
        let before = publisher()
        try await running(before)
        let all = try await stored()
        #expect(all.allSatisfy { $0 > 3 })
        transport.goBack(partition: 0, to: UInt64(all[0] - 3))
        #expect(try await stored() == [all[0] - 3, all[1]])
        let publisher = publisher()
        try await running(publisher) {
            try await until { publisher.status.losses == 1 }
            try await until { publisher.status.mark == 40 }
        }
        #expect(try await stored() == all)
        #expect(publisher.status.published == all[0], "what is in the other partition is not sent again")
    }

    @Test func `the ledger is told up to where batches may come twice, also after a restart`() async throws {
        let segments = InMemoryEventLog(segment: 7)
        for row in 1...3 as ClosedRange<Int64> { _ = try await segments.append(transportBatch(row)) }
        let fresh = publisher(of: segments)
        try await running(fresh, of: segments) { try await until { mark.contains("epoch") } }
        #expect(fresh.status.resentThrough == 7, "without a mark all of it may have been sent before")
        try "0\n".write(toFile: folder.path + "/mark", atomically: true, encoding: .utf8)
        let second = publisher(of: segments)
        try await running(second, of: segments) {
            transport.remake()
            try await until { second.status.losses == 1 && second.status.mark == 7 << 32 | 3 }
        }
        let third = publisher(of: segments)
        try await running(third, of: segments)
        #expect(third.status.resentThrough == 7)
    }

    /// What was loaded before its acknowledgement came is not known to a broker that has started since.
    @Test(arguments: [0, 1, 8])
    func `the ledger is told of a batch that was taken without an answer, and was new when it came again`(
        lost: Int
    ) async throws {
        let segments = InMemoryEventLog(segment: 7)
        try "\(7 << 32)\n".write(toFile: folder.path + "/mark", atomically: true, encoding: .utf8)
        let publisher = publisher(of: segments)
        try await running(publisher, of: segments) {
            try await until { mark.contains("epoch") }
            transport.loseAnswers(lost)
            let last = Int64(max(1, lost))
            for row in 1...last { _ = try await segments.append(transportBatch(row)) }
            for row in 1...last {
                try await publisher.waitUntilReplicated(7 << 32 | row)
                #expect(mark.contains("\"resent_through\":7") == (lost > 0), "before it counts as arrived")
            }
            #expect(try await stored().reduce(0, +) == last + Int64(lost))
            #expect(publisher.status.resentThrough == (lost > 0 ? 7 : 0))
        }
    }

    @Test func `the ledger is told of a batch that an earlier run may have sent, if it is new to the broker`()
        async throws
    {
        let segments = InMemoryEventLog(segment: 7)
        for row in 1...2 as ClosedRange<Int64> { _ = try await segments.append(transportBatch(row)) }
        for (sent, resent) in [(2, 0), (1, 7)] as [(Int64, Int64)] {
            try "\(7 << 32 | sent)\n".write(toFile: folder.path + "/mark", atomically: true, encoding: .utf8)
            let publisher = publisher(of: segments)
            try await running(publisher, of: segments)
            #expect(publisher.status.resentThrough == resent)
        }
    }

    @Test func `a sequence that is given out twice tells at once`() async throws {
        try await append(1...40)
        let publisher = publisher(looks: .seconds(3_600))
        try await running(publisher) {
            let all = try await stored()
            try await until { mark.contains("epoch") }
            for (partition, count) in all.enumerated() {
                transport.goBack(partition: partition, to: UInt64(count - 2))
            }
            // Too few to be beyond what was there.
            try await append(41...42)
            try await until { publisher.status.losses > 0 && publisher.status.mark == 42 }
            try await append(43...50)
            try await publisher.waitUntilReplicated(50)
            try await until { try await stored().reduce(0, +) == 50 }
        }
    }

    /// Has both partitions lose the last three they were given, and filled up by another node far beyond that.
    private func replace(_ counts: [Int64]) async throws {
        for (partition, count) in counts.enumerated() {
            transport.goBack(partition: partition, to: UInt64(count - 3))
        }
        for row in 1...60 as ClosedRange<Int64> { try await transport.publish(transportBatch(row), from: "other") }
    }

    /// The rows of this node that the broker has, each as often as it has it.
    private func own() async throws -> [Int64] {
        var found: [Int64] = []
        for partition in 0..<2 {
            for sequence in 1...(try await transport.extent(of: partition).last) {
                let delivery = try await transport.read(partition: partition, sequence: sequence)
                if let delivery, delivery.node == "n" { found.append(delivery.batch.id) }
            }
        }
        return found.sorted()
    }

    @Test func `what others filled up again before anybody looked is noticed at the start`() async throws {
        try await append(1...40)
        try await running(publisher()) { try await until { mark.contains("epoch") } }
        try await replace(try await stored())
        #expect(try await own().count == 34)
        let second = publisher()
        try await running(second) { try await until { second.status.losses > 0 && second.status.mark == 40 } }
        #expect(try await own() == Array(1...40))
        let third = publisher()
        try await running(third)
        #expect(third.status.losses == 0)
    }

    @Test func `what others filled up again is noticed, also behind what this node was given since`() async throws {
        try await append(1...40)
        let publisher = publisher(looks: .seconds(3_600))
        try await running(publisher) {
            try await until { mark.contains("epoch") && mark.contains("\"position\":40") }
            let counts = try await stored()
            transport.fail(with: TransportError(.unavailable, "away"))
            try await until { publisher.status.trouble != nil }
            transport.fail(with: nil)
            try await replace(counts)
            try await append(41...50)
            try await until { publisher.status.losses > 0 && publisher.status.mark == 50 }
            try await until { try await own() == Array(1...50) }
        }
    }

    @Test func `what arrived is settled when the broker holds nothing of it any more, and not before`() async throws {
        try await append(1...10)
        let publisher = publisher()
        try await running(publisher) {
            var held: [TransportDelivery] = []
            for partition in 0..<2 {
                held += try await transport.pull(partition: partition, limit: .max, within: .zero)
            }
            try await transport.acknowledge(Array(held.dropLast()))
            let answers = transport.answers
            try await until { transport.answers > answers + 20 }
            #expect(publisher.status.settled < 10)
            try await transport.acknowledge(held)
            try await until { publisher.status.settled == 10 }
            publisher.sendAgain()
            try await until { publisher.status.losses == 1 && publisher.status.mark == 10 }
        }
    }

    @Test func `what is new does not wait for what is sent again`() async throws {
        try await append(1...2_000)
        let publisher = publisher()
        try await running(publisher) {
            try await until { mark.contains("epoch") }
            transport.refuse(through: 2_000)
            transport.remake()
            try await until { publisher.status.losses == 1 }
            try await append(2_001...2_010)
            for row in 2_001...2_010 as ClosedRange<Int64> { try await publisher.waitUntilReplicated(row) }
            #expect(publisher.status.mark < 2_000, "what was before is on its way still")
            transport.refuse(through: 0)
            try await until { publisher.status.mark == 2_010 }
        }
        #expect(try await stored().reduce(0, +) == 2_010)
    }

    @Test func `a loss while nobody was there is noticed at the start`() async throws {
        try await append(1...10)
        try await running(publisher()) { try await until { mark.contains("epoch") } }
        transport.remake()
        let second = publisher()
        try await running(second) { try await until { second.status.losses == 1 && second.status.mark == 10 } }
        #expect(try await stored().reduce(0, +) == 10)
        let third = publisher()
        try await running(third)
        #expect(third.status.losses == 0 && third.status.published == 0)
    }

    @Test func `a kill while all is sent again begins it again`() async throws {
        try await append(1...10)
        try await running(publisher()) { try await until { mark.contains("epoch") } }
        transport.remake()
        // The broker takes nothing, so that it stays at the beginning.
        let second = publisher()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await second.run() }
            try await until { second.status.losses == 1 }
            transport.fail(with: TransportError(.unavailable, "away"))
            group.cancelAll()
        }
        transport.fail(with: nil)
        let third = publisher()
        try await running(third)
        #expect(try await stored().reduce(0, +) == 10)
    }

    @Test func `a mark of an earlier version is gone on with`() async throws {
        try await append(1...10)
        try "7\n".write(toFile: folder.path + "/mark", atomically: true, encoding: .utf8)
        let publisher = publisher()
        try await running(publisher)
        #expect(publisher.status.published == 3)
        #expect(mark.hasPrefix("{\"position\":10,\"partitions\":{"))
    }

    @Test(arguments: [
        "{}\n", "{\"position\":-1}\n", "{\"position\":7,\"partitions\":{\"x\":{}}}\n",
        "{\"position\":7,\"partitions\":{\"0\":{\"last\":-1}}}\n", "{\"position\":7,\"partitions\":{}}",
    ])
    func `a mark that does not read is none, however it is broken`(content: String) async throws {
        try await append(1...3)
        try content.write(toFile: folder.path + "/mark", atomically: true, encoding: .utf8)
        let publisher = publisher()
        try await running(publisher)
        #expect(publisher.status.published == 3)
    }

    @Test func `a partition in which this node had nothing may be made anew as often as it likes`() async throws {
        let publisher = publisher()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { await publisher.run() }
            try await until { mark.contains("epoch") }
            let before = mark
            transport.remake()
            try await until { mark != before }
            group.cancelAll()
        }
        #expect(publisher.status.losses == 0)
    }
}
