// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDuckDB
import FloodgateEvents
import FloodgateIngest
import FloodgateJSON
import FloodgateWarehouse
import Testing

extension DuckDBTests {
    /// EV-14: however many there are, all can be sent again.
    @Suite("Dead letters in DuckDB") struct DeadLetterPagingTests {
        let folder = DuckDBTestFolder()

        /// A warehouse with `count` dead letters, of which many arrived at the same time and have the same place.
        private func filled(_ count: Int) async throws -> DuckDBWarehouse {
            let warehouse = folder.open()
            try await warehouse.prepare()
            var block = SampleBlock.make("n1-1", tables: [.deadLetters: 1...1])
            block.set(
                .deadLetters,
                (0..<count).map { number in
                    SampleBlock.row(
                        .deadLetters,
                        number,
                        [
                            "received_at": .integer(SampleBlock.arrival + Int64(number / 7)),
                            "position": .integer(number / 3), "number": .integer(number % 3 / 2),
                            "node": .string("n\(number % 2)"), "key_kind": "server",
                            "reason": number.isMultiple(of: 4) ? "odd" : "even",
                            "event": number == 5 ? "{" : .string("{\"eventName\":\"e\(number)\",\"time\":\(number)}"),
                        ]
                    )
                }
            )
            try await warehouse.load(block)
            return warehouse
        }

        /// The names of the events in `log`.
        private func names(_ log: InMemoryEventLog) async throws -> [String] {
            try await log.read(after: 0, limit: 1_000).flatMap { try $0.unpack().events.map(\.name) }
        }

        /// Sends all that `filter` lets through again, page by page.
        private func replayAll(
            _ filter: DeadLetters.Filter,
            of warehouse: DuckDBWarehouse,
            into log: InMemoryEventLog
        ) async throws -> DeadLetters.Replay {
            var filter = filter
            var all = DeadLetters.Replay()
            repeat {
                let page = try await DeadLetters(in: warehouse).replay(filter, into: log)
                all.replayed += page.replayed
                all.unreadable += page.unreadable
                // As it goes over the wire.
                filter.place = page.next.flatMap { DeadLetters.Place("\($0)") }
                #expect(filter.place == page.next)
            } while filter.place != nil
            return all
        }

        @Test(arguments: [1, 5, 23, 1_000])
        func `are sent again, each once, in pages of any size`(page: Int) async throws {
            let warehouse = try await filled(23)
            var filter = DeadLetters.Filter()
            filter.limit = page
            let log = InMemoryEventLog()
            let replay = try await replayAll(filter, of: warehouse, into: log)
            #expect(replay.replayed == 22)
            #expect(replay.unreadable == 1)
            let expected = (0..<23).filter { $0 != 5 }.map { "e\($0)" }
            #expect(try await names(log).sorted() == expected.sorted())
            await warehouse.shutdown()
        }

        @Test func `are sent again as many as were asked for, of those that were asked for`() async throws {
            let warehouse = try await filled(23)
            var filter = DeadLetters.Filter()
            filter.limit = 5
            let log = InMemoryEventLog()
            #expect(try await DeadLetters(in: warehouse).replay(filter, into: log).replayed == 5)
            #expect(try await names(log) == ["e0", "e1", "e2", "e4", "e3"], "by time, place and node")
            filter.limit = 2
            filter.reason = "odd"
            let others = InMemoryEventLog()
            _ = try await replayAll(filter, of: warehouse, into: others)
            #expect(try await names(others) == ["e0", "e4", "e8", "e12", "e16", "e20"])
            await warehouse.shutdown()
        }

        @Test(arguments: ["", "1:2:3", "1:2:x:n", "1:2:3:n'", "1:2:3:a\\", "99999999999999999999:1:1:n", ":::"])
        func `have no place that an attacker could write into a question`(text: String) {
            #expect(DeadLetters.Place(text) == nil)
        }
    }
}
