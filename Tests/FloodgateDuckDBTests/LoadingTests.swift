// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDuckDB
import FloodgateEvents
import FloodgateIngest
import FloodgateJSON
import FloodgateTestSupport
import FloodgateWarehouse
import Foundation
import Logging
import Synchronization
import Testing

extension DuckDBTests {
    @Suite("Loading into DuckDB") struct LoadingTests {
        private static let noon: Int64 = 1_750_000_020_000

        let folder = DuckDBTestFolder()
        let log = InMemoryEventLog()
        let clock = Clock()

        /// Unix milliseconds, moved by hand.
        final class Clock: Sendable {
            private let time = Atomic<Int64>(LoadingTests.noon)
            var now: Int64 { time.load(ordering: .relaxed) }
            func advance(_ milliseconds: Int64) { time.add(milliseconds, ordering: .relaxed) }
        }

        private func loader(_ warehouse: DuckDBWarehouse) -> EventLoader {
            var options = LoaderOptions(node: "node-1.example")
            options.rows = 20
            return EventLoader(
                log: log,
                warehouse: warehouse,
                options: options,
                plan: LoadPlanFile(path: folder.path + "/plan.json"),
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
                now: { [clock] in clock.now },
                pause: { _ in }
            )
        }

        /// Events that are told apart by their value; every third is an exposure.
        private func batch(_ numbers: Range<Int>) throws -> LoggedBatch {
            let events = numbers.map { number in
                let isExposure = number.isMultiple(of: 3)
                return Event(
                    name: isExposure ? InternalEventName.gateExposure : "purchase",
                    time: Self.noon + Int64(number),
                    user: ["userID": .string("u\(number)")],
                    value: isExposure ? nil : .integer(number),
                    metadata: isExposure ? ["gate": "g", "gateValue": "true", "ruleID": "r"] : nil
                )
            }
            return try LoggedBatch(
                packing: EventBatch(events: events),
                receivedAt: Self.noon + Int64(numbers.lowerBound),
                environment: "production",
                keyKind: "server"
            )
        }

        private func users(_ warehouse: DuckDBWarehouse) async throws -> [String] {
            var users: [String] = []
            for table in [WarehouseTable.exposures, .events] {
                let sql = "SELECT user_id FROM \(warehouse.relation(table))"
                users += try await warehouse.query(sql, limits: QueryLimits()).compactMap { $0.text("user_id") }
            }
            return users.sorted()
        }

        @Test(arguments: 0..<2 as Range<UInt64>)
        func `has each event once, whatever is killed, and a ledger that balances`(seed: UInt64) async throws {
            var random = SeededGenerator(seed: seed)
            var warehouse = folder.open { $0.filesBeforeMerge = 3 }
            var loader = loader(warehouse)
            var next = 0
            for _ in 0..<60 {
                switch Int.random(in: 0..<9, using: &random) {
                case 0...2:
                    let count = Int.random(in: 1...12, using: &random)
                    _ = try await log.append(batch(next..<next + count))
                    // The client got no answer, and sends it again.
                    if Bool.random(using: &random) { _ = try await log.append(batch(next..<next + count)) }
                    next += count
                case 3: await warehouse.killChildren()
                case 4:
                    // All of it ends; what it was doing is found as it was.
                    await warehouse.shutdown()
                    warehouse = folder.open { $0.filesBeforeMerge = 3 }
                    loader = self.loader(warehouse)
                case 5: clock.advance(2_000)
                default: _ = await loader.step()
                }
            }
            var rests = 0
            for _ in 0..<500 where rests < 2 {
                guard await loader.step() == .waiting else { continue }
                rests = await loader.report.waitingSince == nil ? rests + 1 : 0
                clock.advance(10_000)
            }
            let report = await loader.report
            #expect(rests == 2, "\(report)")
            #expect(try await users(warehouse) == (0..<next).map { "u\($0)" }.sorted())
            let compared = LedgerReconciler(node: "node-1.example", watermark: report.watermark)
                .compare([try await logged()], with: try await warehouse.ledger(since: 0, node: nil))
            #expect(compared.isBalanced && compared.total.inFlight == 0, "\(compared.text)")
            #expect(compared.removableSegments == [0])
            await warehouse.shutdown()
        }

        private func logged() async throws -> LoggedSegment {
            var segment = LoggedSegment(number: 0, isSealed: true)
            for batch in try await log.read(after: 0, limit: .max) {
                segment.add(batch.sums, environment: batch.environment, at: batch.receivedAt)
            }
            return segment
        }
    }
}
