// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateIngest
import FloodgateJSON
import FloodgateWarehouse
import Foundation
import Logging
import Synchronization
import Testing

/// A log, a warehouse and loaders between them that come and go.
final class LoadingScene: Sendable {
    static let noon: Int64 = 1_750_000_020_000

    let log = InMemoryEventLog()
    let warehouse = TroubledWarehouse()
    let clock = Mutex(LoadingScene.noon)
    let plan = FileManager.default.temporaryDirectory.path + "/floodgate-plan-" + UUID().uuidString

    deinit { try? FileManager.default.removeItem(atPath: plan) }

    /// A new loader of the log, or of `source`, as after a restart.
    func loader(
        of source: (any BatchSource)? = nil,
        plan shared: (any LoadPlan)? = nil,
        _ change: (inout LoaderOptions) -> Void = { _ in }
    ) -> EventLoader {
        var options = LoaderOptions(node: "node-1")
        options.rows = 10
        change(&options)
        return EventLoader(
            log: source ?? log,
            warehouse: warehouse,
            options: options,
            plan: shared ?? LoadPlanFile(path: plan),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            now: { self.clock.withLock { $0 } },
            pause: { _ in },
            jitter: { 0.5 }
        )
    }

    /// Appends a batch of events that are told apart by their names.
    @discardableResult
    func append(_ names: [String], at time: Int64 = noon, environment: String = "production") async throws -> Int64 {
        let events = names.map { Event(name: $0, time: time, user: ["userID": "u"], value: .string("v")) }
        let batch = try LoggedBatch(
            packing: EventBatch(events: events),
            receivedAt: time,
            environment: environment,
            keyKind: "server"
        )
        return try await log.append(batch)
    }

    /// Appends a batch that is none.
    func appendCorrupt(count: Int) async throws {
        let batch = LoggedBatch(
            receivedAt: Self.noon,
            environment: "production",
            keyKind: "server",
            eventCount: count,
            exposureCount: 0,
            rawSizeBytes: 3,
            idXor: 7,
            idSum: 9,
            payload: [1, 2, 3]
        )
        _ = try await log.append(batch)
    }

    /// Steps until the loader has nothing to do although what it has is old.
    func drain(_ loader: EventLoader, most: Int = 5_000) async throws {
        for _ in 0..<most {
            guard case .waiting = await loader.step() else { continue }
            let isOld = clock.withLock { clock in
                clock += 10_000
                return clock > Self.noon
            }
            if isOld, case .waiting = await loader.step() { return }
        }
        Issue.record("the loader does not come to an end: \(await loader.report)")
    }

    /// The names of all events in the warehouse, in order, each as often as it is there.
    func loaded() throws -> [String] { try warehouse.rows(.events).compactMap { $0.text("name") }.sorted() }

    /// The sums of the warehouse's ledger.
    func sums() async throws -> LedgerSums {
        try await warehouse.ledger(since: 0, node: nil).reduce(into: LedgerSums()) { $0.add($1.sums) }
    }
}
