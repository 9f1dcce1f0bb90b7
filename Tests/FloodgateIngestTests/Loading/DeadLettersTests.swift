// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateIngest
import FloodgateJSON
import FloodgateWarehouse
import Testing

@Suite("Dead letters") struct DeadLettersTests {
    let scene = LoadingScene()

    @Test func `come to life when they are sent again`() async throws {
        try await scene.append(["good", "bad", "worse"])
        scene.warehouse.change { $0.poison = "\"name\":\"bad\"" }
        try await scene.drain(scene.loader())
        #expect(try scene.loaded() == ["good", "worse"])
        scene.warehouse.change { $0.poison = nil }

        let letters = DeadLetters(in: scene.warehouse)
        let replay = try await letters.replay(DeadLetters.Filter(), into: scene.log)
        #expect(replay == DeadLetters.Replay(replayed: 1, batches: 1))
        let batch = try #require(try await scene.log.read(after: 1, limit: 1).first)
        #expect(batch.receivedAt == LoadingScene.noon && batch.environment == "production" && batch.keyKind == "server")
        try await scene.drain(scene.loader())
        #expect(try scene.loaded() == ["bad", "good", "worse"])
    }

    @Test func `have the same id however often they are sent again`() async throws {
        try await scene.append(["bad"])
        scene.warehouse.change { $0.poison = "\"name\":\"bad\"" }
        try await scene.drain(scene.loader())
        scene.warehouse.change { $0.poison = nil }
        let letters = DeadLetters(in: scene.warehouse)
        for _ in 1...2 { _ = try await letters.replay(DeadLetters.Filter(), into: scene.log) }
        try await scene.drain(scene.loader())
        let ids = try scene.warehouse.rows(.events).compactMap { $0.text("id") }
        #expect(Set(ids).count == 1)
    }

    @Test func `that are no events are counted, not sent`() async throws {
        try await scene.appendCorrupt(count: 2)
        try await scene.drain(scene.loader())
        let replay = try await DeadLetters(in: scene.warehouse).replay(DeadLetters.Filter(), into: scene.log)
        #expect(replay == DeadLetters.Replay(unreadable: 1))
        #expect(try await scene.log.counts().batches == 1)
    }

    @Test(arguments: ["x' OR 1=1 --", "back\\slash", "ä", "a\nb"])
    func `are not asked for by names that could end a text`(name: String) async throws {
        var filter = DeadLetters.Filter()
        filter.reason = name
        let error = await #expect(throws: WarehouseError.self) {
            _ = try await DeadLetters(in: scene.warehouse).list(filter)
        }
        #expect(error?.code == .rejected)
    }

    @Test func `go after 30 days`() async throws {
        try await DeadLetters(in: scene.warehouse).expire(on: ArrivalDay(number: 20_000))
        #expect(scene.warehouse.removed?.day == ArrivalDay(number: 19_970))
        #expect(scene.warehouse.removed?.table == .deadLetters)
    }
}
