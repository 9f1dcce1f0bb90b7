// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateIngest
import FloodgateJSON
import FloodgateTestSupport
import FloodgateWarehouse
import Foundation
import Synchronization
import Testing

@Suite("Event loader") struct LoaderTests {
    let scene = LoadingScene()

    private func names(_ range: Range<Int>) -> [String] { range.map { "e\(1_000 + $0)" } }

    @Test func `brings all events into the warehouse, in blocks`() async throws {
        for start in stride(from: 0, to: 100, by: 4) { try await scene.append(names(start..<start + 4)) }
        let loader = scene.loader()
        try await scene.drain(loader)
        #expect(try scene.loaded() == names(0..<100))
        #expect(scene.warehouse.blocks.count == 9, "12 events each, as whole batches, and the rest")
        let report = await loader.report
        #expect(report.watermark == LogCursor(behind: 25))
        #expect(report.sums.loaded == 100 && report.sums.batches == 25 && report.blocks == 9)
        #expect(report.waitingSince == nil && report.failures.isEmpty)
    }

    @Test func `waits for more events, and not for long`() async throws {
        try await scene.append(names(0..<3))
        let loader = scene.loader()
        #expect(await loader.step() == .moved)
        #expect(await loader.step() == .waiting)
        #expect(await loader.report.waitingSince == LoadingScene.noon)
        scene.clock.withLock { $0 += 4_999 }
        #expect(await loader.step() == .waiting)
        #expect(await loader.report.lag(at: LoadingScene.noon + 4_999) == .milliseconds(4_999))
        scene.clock.withLock { $0 += 1 }
        #expect(await loader.step() == .moved)
        #expect(scene.warehouse.asked.isEmpty)
        #expect(await loader.step() == .moved)
        #expect(try scene.loaded() == names(0..<3))
    }

    @Test func `never mixes two days in a block`() async throws {
        let nextDay = LoadingScene.noon + 86_400_000
        try await scene.append(names(0..<2))
        try await scene.append(names(2..<4), at: nextDay)
        try await scene.append(names(4..<6))
        try await scene.drain(scene.loader())
        #expect(try scene.loaded() == names(0..<6))
        let days = scene.warehouse.blocks.sorted { $0.id < $1.id }.map(\.day)
        #expect(days.count == 3 && days[0] == days[2] && days[1] == ArrivalDay(of: nextDay))
    }

    @Test(arguments: [WarehouseError.Code.unavailable, .full, .failed, .limit])
    func `tries the same block until it is there, and buries nobody`(code: WarehouseError.Code) async throws {
        try await scene.append(names(0..<20))
        scene.warehouse.change { $0.troubles = Array(repeating: (code, false), count: 50) }
        let loader = scene.loader()
        var pauses: [Duration] = []
        for _ in 0..<51 { if case .failed(let pause) = await loader.step() { pauses.append(pause) } }
        #expect(pauses.count == 50)
        #expect(pauses.first == .milliseconds(50) && pauses.last == .seconds(15), "pauses grow, to a bound")
        #expect(await loader.report.failures == [code.rawValue: 50])
        #expect(await loader.report.lastError != nil)
        try await scene.drain(loader)
        #expect(try scene.loaded() == names(0..<20))
        #expect(Set(scene.warehouse.asked).count == 1)
        #expect(await loader.report.failuresInARow == 0)
    }

    @Test func `counts a block once whose answer was lost`() async throws {
        try await scene.append(names(0..<20))
        scene.warehouse.change { $0.troubles = [(.unavailable, true), (.unavailable, false), (.unavailable, true)] }
        let loader = scene.loader()
        try await scene.drain(loader)
        #expect(try scene.loaded() == names(0..<20))
        #expect(try await scene.sums().accepted == 20)
    }

    @Test func `loads the same block after a crash, though more events came since`() async throws {
        try await scene.append(names(0..<4))
        let first = scene.loader()
        _ = await first.step()
        scene.clock.withLock { $0 += 5_000 }
        _ = await first.step()
        scene.warehouse.change { $0.troubles = [(.unavailable, true)] }
        _ = await first.step()
        // It is killed here, not knowing that the block is there.
        scene.warehouse.change { state in
            // Nor does the ledger say so yet: the engine commits it a moment later.
            state.blocks = [:]
        }
        for start in stride(from: 4, to: 20, by: 4) { try await scene.append(names(start..<start + 4)) }
        try await scene.drain(scene.loader())
        #expect(scene.warehouse.asked[0] == scene.warehouse.asked[1], "the stretch is the one that was under way")
        #expect(try scene.loaded() == names(0..<20))
    }

    @Test func `finds its place by the warehouse alone`() async throws {
        for start in stride(from: 0, to: 40, by: 4) { try await scene.append(names(start..<start + 4)) }
        try await scene.drain(scene.loader())
        try FileManager.default.removeItem(atPath: scene.plan)
        try await scene.append(names(40..<44))
        let again = scene.loader()
        try await scene.drain(again)
        #expect(try scene.loaded() == names(0..<44))
        #expect(try await scene.sums().accepted == 44)
        #expect(await again.report.sums.accepted == 4, "nothing was read twice")
    }

    @Test func `takes a damaged plan for none`() async throws {
        try Data("[[1,2".utf8).write(to: URL(fileURLWithPath: scene.plan))
        try await scene.append(names(0..<4))
        try await scene.drain(scene.loader())
        #expect(try scene.loaded() == names(0..<4))
    }

    @Test func `finds the event that is refused, buries it and loads the others`() async throws {
        for start in stride(from: 0, to: 60, by: 20) { try await scene.append(names(start..<start + 20)) }
        scene.warehouse.change { $0.poison = "e1033" }
        let loader = scene.loader { $0.rows = 60 }
        try await scene.drain(loader)
        #expect(try scene.loaded() == names(0..<60).filter { $0 != "e1033" })
        let dead = try scene.warehouse.rows(.deadLetters)
        #expect(dead.count == 1 && dead.first?.text("reason") == "rejected")
        #expect(dead.first?.text("event")?.contains("e1033") == true)
        let sums = try await scene.sums()
        #expect(sums.accepted == 60 && sums.loaded == 59 && sums.dead == 1 && sums.batches == 3)
        #expect(scene.warehouse.asked.count < 40, "halves, not one by one")
    }

    @Test func `does not bury everything when the warehouse refuses all`() async throws {
        try await scene.append(names(0..<40))
        scene.warehouse.change { $0.poison = "e1" }
        let loader = scene.loader { $0.refusalsInARow = 3 }
        for _ in 0..<300 { _ = await loader.step() }
        #expect(await loader.report.isStuck)
        #expect(try scene.warehouse.rows(.deadLetters).count == 3)
        scene.warehouse.change { $0.poison = nil }
        try await scene.drain(loader)
        #expect(try scene.loaded() == names(3..<40))
        #expect(await !loader.report.isStuck)
    }

    @Test func `buries a batch that cannot be read, and goes on`() async throws {
        try await scene.append(names(0..<3))
        try await scene.appendCorrupt(count: 5)
        try await scene.append(names(3..<6))
        try await scene.drain(scene.loader())
        #expect(try scene.loaded() == names(0..<6))
        let dead = try scene.warehouse.rows(.deadLetters)
        #expect(dead.count == 1)
        #expect(dead.first?.text("reason") == "corrupt")
        #expect(dead.first?.names == WarehouseTable.deadLetters.columns.map(\.name))
        let sums = try await scene.sums()
        #expect(sums.accepted == 11 && sums.loaded == 6 && sums.dead == 5)
        #expect(try await scene.log.read(after: 1, limit: 1).first?.payload == [1, 2, 3], "it stays in the log")
    }

    @Test func `goes on when the log can be read again`() async throws {
        try await scene.append(names(0..<20))
        try FileManager.default.createDirectory(atPath: scene.plan, withIntermediateDirectories: true)
        let loader = scene.loader()
        for _ in 0..<5 { _ = await loader.step() }
        #expect(scene.warehouse.asked.isEmpty, "nothing is loaded before the plan is written")
        #expect(await loader.report.failures["log"] != nil)
        try FileManager.default.removeItem(atPath: scene.plan)
        try await scene.drain(loader)
        #expect(try scene.loaded() == names(0..<20))
    }

    @Test(arguments: 0..<20 as Range<UInt64>)
    func `loads each event once, whatever fails and whenever it is killed`(seed: UInt64) async throws {
        var random = SeededGenerator(seed: seed)
        scene.warehouse.change { state in
            state.random = SeededGenerator(seed: seed + 1_000)
            state.failing = 0.4
            state.poison = "e1077"
        }
        var next = 0
        var corrupt = 0
        var loader = scene.loader()
        for _ in 0..<400 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                let count = Int.random(in: 1...9, using: &random)
                let late = Int64.random(in: 0...2, using: &random) * 43_200_000
                try await scene.append(names(next..<next + count), at: LoadingScene.noon + late)
                next += count
            case 1 where corrupt < 3:
                try await scene.appendCorrupt(count: 2)
                corrupt += 1
            case 2: loader = scene.loader()
            case 3: scene.clock.withLock { $0 += 3_000 }
            default: _ = await loader.step()
            }
        }
        try await scene.drain(loader)
        #expect(try scene.loaded() == names(0..<next).filter { $0 != "e1077" })
        let poisoned = next > 77 ? 1 : 0
        let sums = try await scene.sums()
        #expect(sums.accepted == Int64(next + 2 * corrupt))
        #expect(sums.dead == Int64(poisoned + 2 * corrupt) && sums.loaded == Int64(next - poisoned))
        #expect(try scene.warehouse.rows(.deadLetters).count == poisoned + corrupt)
    }
}
