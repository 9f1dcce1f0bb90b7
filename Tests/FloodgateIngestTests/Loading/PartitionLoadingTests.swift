// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateIngest
import FloodgateJSON
import FloodgateTestSupport
import FloodgateWarehouse
import Foundation
import Logging
import Synchronization
import Testing

@Suite("Loading from the transport") struct PartitionLoadingTests {
    private let scene = LoadingScene()
    private let transport = InMemoryTransport(partitionCount: 1)

    /// A new source and its loader, as after a restart, or after the loader named `gone` found that there was nothing left.
    private func loader(behind gone: String? = nil, rows: Int = 10) async throws -> EventLoader {
        var options = TransportSourceOptions()
        options.wait = .zero
        options.patience = .zero
        options.doubt = .zero
        let source = TransportSource(transport: transport, partition: 0, options: options)
        let blocks = try await scene.warehouse.ledger(since: 0, node: nil).map(\.block)
        let lane = try await source.lane(behind: gone) { LoadPiece.loaded(blocks, node: $0) }
        // Each on a host of its own.
        let file = LoadPlanFile(path: scene.plan + UUID().uuidString)
        let plan = plan(of: lane, file)
        return scene.loader(of: source, plan: plan) {
            $0.rows = rows
            $0.node = lane
            $0.hasManyNodes = true
        }
    }

    private func plan(of lane: String, _ file: LoadPlanFile) -> PartitionPlan {
        PartitionPlan(
            transport: transport,
            partition: 0,
            lane: lane,
            file: file,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        )
    }

    private func piece(_ start: Int64, _ end: Int64) -> LoadPiece {
        LoadPiece(
            from: LogCursor(position: start),
            to: LogCursor(position: end),
            day: ArrivalDay(of: LoadingScene.noon)
        )
    }

    /// Publishes a batch of `count` events that a node accepted, told apart by their names.
    private func publish(_ node: String, _ position: Int64, _ count: Int, day: Int64 = 0) async throws {
        let time = LoadingScene.noon + day * 86_400_000
        let events = (0..<count).map { number in
            Event(name: "\(node)-\(position)-\(number)", time: time, user: ["userID": "u"])
        }
        var batch = try LoggedBatch(
            packing: EventBatch(events: events),
            receivedAt: time,
            environment: "production",
            keyKind: "server"
        )
        batch.id = position
        try await transport.publish(batch, from: node)
    }

    @Test func `rows and ledger say which node accepted an event, and where in its log`() async throws {
        try await publish("a", 3 << 32 | 7, 2)
        try await publish("b", 5 << 32 | 9, 1)
        try await scene.drain(try await loader())
        let places = try scene.warehouse.rows(.events).compactMap { $0["position"]?.integerValue }.sorted()
        #expect(places == [3 << 32 | 7, 3 << 32 | 7, 5 << 32 | 9])
        let entries = try await scene.warehouse.ledger(since: 0, node: nil).sorted { $0.node < $1.node }
        #expect(entries.map(\.node) == ["a", "b"])
        #expect(entries.map(\.segment) == [3, 5])
        #expect(entries.map(\.sums.loaded) == [2, 1])
        #expect(try await transport.status().lag == 0, "what is loaded is acknowledged")
    }

    @Test func `a partition that was made anew is loaded from its beginning`() async throws {
        for row in 1...5 as ClosedRange<Int64> { try await publish("a", row, 2) }
        let first = try await loader()
        try await scene.drain(first)
        transport.remake()
        for row in 4...6 as ClosedRange<Int64> { try await publish("a", row, 2) }
        let second = try await loader(behind: first.options.node)
        try await scene.drain(second)
        #expect(Set(try scene.loaded()).count == 12)
        #expect(first.options.node != second.options.node)
        #expect(try await transport.status().lag == 0)
    }

    @Test func `what has a sequence that another batch had before is loaded`() async throws {
        for row in 1...5 as ClosedRange<Int64> { try await publish("a", row, 2) }
        let first = try await loader()
        try await scene.drain(first)
        transport.goBack(partition: 0, to: 3)
        for row in 1...2 as ClosedRange<Int64> { try await publish("b", row, 2) }
        let second = try await loader(behind: first.options.node)
        try await scene.drain(second)
        #expect(Set(try scene.loaded()).count == 14)
        // And so after a restart.
        try await publish("b", 3, 2)
        let third = try await loader()
        #expect(third.options.node == second.options.node)
        try await scene.drain(third)
        #expect(Set(try scene.loaded()).count == 16)
        #expect(try await transport.status().lag == 0)
    }

    @Test func `nothing is left out of what others were given since, nobody having looked`() async throws {
        for row in 1...5 as ClosedRange<Int64> { try await publish("a", row, 2) }
        try await scene.drain(try await loader())
        transport.goBack(partition: 0, to: 3)
        for row in 1...9 as ClosedRange<Int64> { try await publish("b", row, 2) }
        // As the pipeline does: whoever finds that it is another partition is followed by a loader of that.
        let second = try await loader()
        for _ in 0..<20 { _ = await second.step() }
        transport.forgetHolders()
        try await scene.drain(try await loader(behind: second.options.node))
        #expect(Set(try scene.loaded()).count == 28)
        #expect(try await transport.status().lag == 0)
    }

    @Test(arguments: [false, true])
    func `a plan whose answer did not come is written again, unless it is there`(isWritten: Bool) async throws {
        let plan = plan(of: "a", LoadPlanFile(path: scene.plan))
        #expect(try await plan.read().isEmpty)
        try await plan.write([piece(1, 5)])
        if isWritten {
            transport.loseNotes(1)
        } else {
            transport.fail(with: TransportError(.unavailable, "no leader"))
        }
        let lost = await #expect(throws: EventLogError.self) { try await plan.write([piece(5, 9)]) }
        #expect(lost?.code == .storage, "nobody has to start over")
        transport.fail(with: nil)
        try await plan.write([piece(5, 9)])
        try await plan.write([piece(9, 12)])
        // Another loader meanwhile.
        let other = self.plan(of: "a", LoadPlanFile(path: scene.plan))
        #expect(try await other.read() == [piece(9, 12)])
        transport.loseNotes(1)
        await #expect(throws: EventLogError.self) { try await plan.write([piece(12, 15)]) }
        #expect(try await other.read() == [piece(12, 15)])
        try await other.write([piece(15, 20)])
        let late = await #expect(throws: EventLogError.self) { try await plan.write([piece(12, 15)]) }
        #expect(late?.code == .overtaken)
        #expect(try await other.read() == [piece(15, 20)])
    }

    @Test func `a plan that the broker has needs no copy`() async throws {
        let plan = plan(of: "a", LoadPlanFile(path: scene.plan + "/nowhere/plan"))
        #expect(try await plan.read().isEmpty)
        try await plan.write([piece(1, 5)])
        try await plan.write([piece(5, 9)])
        #expect(try await plan.read() == [piece(5, 9)])
    }

    @Test func `a loader goes on with the same piece when its plan was written without an answer`() async throws {
        for row in 1...5 as ClosedRange<Int64> { try await publish("a", row, 2) }
        let first = try await loader()
        transport.loseNotes(1)
        var steps: [EventLoader.Step] = []
        while !steps.contains(where: { if case .failed = $0 { true } else { false } }) {
            steps.append(await first.step())
        }
        // The second loads by it; the first has more by now.
        let second = try await loader(rows: 1)
        _ = await second.step()
        for row in 6...9 as ClosedRange<Int64> { try await publish("a", row, 2) }
        transport.forgetHolders()
        try await scene.drain(first)
        #expect(await first.report.failures == ["log": 1], "it does not start over")
        try await scene.drain(second)
        let names = try scene.loaded()
        #expect(names.count == 18 && Set(names).count == 18)
    }

    @Test(arguments: [false, true])
    func `a plan is not dropped because the warehouse is late to say what it has`(isOther: Bool) async throws {
        for row in 1...10 as ClosedRange<Int64> { try await publish("a", row, 2) }
        let first = try await loader()
        // One piece is loaded, and the next one planned.
        while scene.warehouse.blocks.isEmpty { _ = await first.step() }
        _ = await first.step()
        transport.forgetHolders()
        scene.warehouse.change { $0.isBehind = true }
        let second = try await loader(rows: 3)
        for _ in 1...3 {
            guard case .failed = await second.step() else { return #expect(Bool(false), "it does not wait") }
        }
        scene.clock.withLock { $0 += 10_000 }
        if isOther {
            #expect(await second.step() != .failed(.zero))
            #expect(await second.report.failuresInARow == 3, "of another warehouse")
        } else {
            scene.warehouse.change { $0.isBehind = false }
            try await scene.drain(second)
            let names = try scene.loaded()
            #expect(names.count == 20 && Set(names).count == 20)
        }
    }

    @Test func `names of blocks say when the broker took them in, and those of earlier versions are read`() {
        var piece = LoadPiece(
            from: LogCursor(position: 3),
            to: LogCursor(position: 9, number: 4),
            day: ArrivalDay(number: 20_000)
        )
        let early = piece.block(of: "partition-0-a")
        piece.storedAt = 1_750_000_020_000
        piece.deadReason = "rejected"
        let late = piece.block(of: "partition-0-a")
        #expect(LoadPiece.end(of: early, node: "partition-0-a") == piece.end)
        #expect(LoadPiece.end(of: late, node: "partition-0-a") == piece.end)
        #expect(LoadPiece.loaded([early], node: "partition-0-a") == LoadedLane(through: 8))
        #expect(
            LoadPiece.loaded([late, early], node: "partition-0-a")
                == LoadedLane(through: 8, storedAt: 1_750_000_020_000)
        )
        #expect(LoadPiece.loaded([late], node: "partition-0-b") == nil)
        #expect(!LoadPiece.isRepeated(piece.block(of: "partition-999-" + String(1_800_000_000_000_000_000, radix: 36))))
        #expect(
            LoadPiece.isRepeated(piece.block(of: "partition-0-" + String(1_800_000_000_000_000_000, radix: 36) + "-9"))
        )
        #expect(!LoadPiece.isRepeated(piece.block(of: String(repeating: "node", count: 20))))
        piece.end = LogCursor(position: 1 << 44, number: 1 << 17)
        piece.start = LogCursor(position: 1 << 43, number: 1 << 17)
        let longest = piece.block(of: String(repeating: "-", count: 64))
        #expect(longest.utf8.count <= 100, "what warehouses take")
    }

    @Test(arguments: 0..<12 as Range<UInt64>)
    func `each event counts once, however many load a partition at a time`(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        // One that cuts otherwise than the other, and one that hangs now and then.
        let loaders = [try await loader(rows: 7), try await loader(rows: 19), try await loader()]
        var count = 0
        for row in 1...60 as ClosedRange<Int64> {
            let events = Int.random(in: 1...9, using: &random)
            count += events
            try await publish("a", row, events)
            for loader in loaders where Bool.random(using: &random) {
                for _ in 0..<Int.random(in: 1...4, using: &random) {
                    if await loader.step() == .waiting { scene.clock.withLock { $0 += 10_000 } }
                }
            }
            if Bool.random(using: &random) { transport.forgetHolders() }
        }
        transport.forgetHolders()
        for loader in loaders { try await scene.drain(loader) }
        let names = try scene.loaded()
        #expect(names.count == count)
        #expect(Set(names).count == count)
        let sums = try await scene.sums()
        #expect(sums.batches == 60)
        #expect(sums.accepted == Int64(count) && sums.loaded == Int64(count) && sums.duplicate == 0)
    }

    @Test(arguments: 0..<12 as Range<UInt64>)
    func `each event counts once, whatever dies and whenever`(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        scene.warehouse.change {
            $0.failing = 0.4
            $0.random = SeededGenerator(seed: seed &+ 100)
        }
        var count = 0
        for row in 1...60 as ClosedRange<Int64> {
            let events = Int.random(in: 1...9, using: &random)
            count += events
            try await publish(Bool.random(using: &random) ? "a" : "b", row, events, day: row % 23 == 0 ? 1 : 0)
            guard row.isMultiple(of: 5) else { continue }
            let loader = try await loader()
            for _ in 0..<Int.random(in: 1...12, using: &random) {
                if await loader.step() == .waiting { scene.clock.withLock { $0 += 10_000 } }
            }
            // The loader is gone now, and what it held comes again at once or later.
            if Bool.random(using: &random) { transport.forgetHolders() }
        }
        scene.warehouse.change { $0.failing = 0 }
        transport.forgetHolders()
        try await scene.drain(try await loader())
        let names = try scene.loaded()
        #expect(names.count == count)
        #expect(Set(names).count == count)
        let sums = try await scene.sums()
        #expect(sums.batches == 60)
        #expect(sums.accepted == Int64(count) && sums.loaded == Int64(count) && sums.duplicate == 0)
        #expect(try await transport.status().lag == 0)
    }
}
