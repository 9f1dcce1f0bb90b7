// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateGzip
import FloodgateIngest
import FloodgateJSON
import FloodgateTestSupport
import FloodgateWarehouse
import Testing

@Suite("Block builder") struct BlockBuilderTests {
    private static let receivedAt: Int64 = 1_750_000_362_000
    private static let day = ArrivalDay(of: receivedAt)

    private let builder: BlockBuilder

    init() throws { builder = try BlockBuilder(node: "node-1") }

    private static func logged(_ body: [UInt8], sentAt: Int64? = nil, key: String? = nil) throws -> LoggedBatch {
        LoggedBatch(
            id: 77,
            receivedAt: receivedAt,
            sentAt: sentAt,
            environment: "prod \"1\"",
            keyKind: "server",
            idempotencyKey: key,
            eventCount: 0,
            exposureCount: 0,
            rawSizeBytes: body.count,
            payload: try Gzip.compress(body)
        )
    }

    private static func logged(_ body: String, sentAt: Int64? = nil, key: String? = nil) throws -> LoggedBatch {
        try logged(Array(body.utf8), sentAt: sentAt, key: key)
    }

    private func rows(_ table: WarehouseTable) throws -> [JSONObject] {
        let block = builder.finish(id: "b", day: Self.day, ledger: [])
        let lines = try #require(block.rows[table]).split(separator: UInt8(ascii: "\n"))
        #expect(lines.count == block.counts[table])
        return try lines.map { line in
            var limits = JSONLimits()
            limits.refusesDuplicateMembers = true
            let row = try #require(try JSONValue(parsing: Array(line), limits: limits).objectValue)
            #expect(row.names == table.columns.map(\.name))
            for column in table.columns { try Self.check(row[column.name], column) }
            return row
        }
    }

    private static func check(_ value: JSONValue?, _ column: WarehouseTable.Column) throws {
        let value = try #require(value)
        switch column.kind {
        case .text, .word: #expect(value.stringValue != nil, "\(column.name)")
        case .integer, .time: #expect(value.integerValue != nil, "\(column.name)")
        case .flag: #expect(value == 0 || value == 1, "\(column.name)")
        case .optionalNumber: #expect(value.isNull || value.doubleValue != nil, "\(column.name)")
        case .id:
            let parts = try #require(value.stringValue).split(separator: "-")
            #expect(parts.map(\.count) == [8, 4, 4, 4, 12])
            #expect(parts.joined().allSatisfy { $0.isHexDigit && !$0.isUppercase })
        }
    }

    /// Whether two cells are the same, or JSON that says the same.
    private static func agree(_ left: JSONValue?, _ right: JSONValue?) -> Bool {
        guard let left, let right else { return false }
        if left.isEquivalent(to: right) { return true }
        guard let (first, second) = left.stringValue.flatMap({ left in right.stringValue.map { (left, $0) } }),
            let first = try? JSONValue(parsing: Array(first.utf8)),
            let second = try? JSONValue(parsing: Array(second.utf8))
        else { return false }
        return first.isEquivalent(to: second)
    }

    @Test(arguments: 0..<6) func `makes the rows that the tables describe`(seed: UInt64) throws {
        var bodies = RandomBodies(seed: 100 + seed, rarity: seed.isMultiple(of: 2) ? 25 : 0)
        var random = SeededGenerator(seed: seed)
        let names = ["new_checkout": "Kasse", "g1": "Gate \"1\"\\"]
        if seed > 2 { for (hash, name) in names { try builder.rename(hash: hash, to: name) } }
        var compared = 0
        for _ in 0..<250 {
            let body = bodies.body()
            guard let read = try? EventBatchReader().read(body, receivedAt: Self.receivedAt) else { continue }
            let sentAt = [nil, Self.receivedAt - 1500, Self.receivedAt - 5000, Self.receivedAt + 700_000_000]
            let kept = try Self.logged(
                read.rejected.isEmpty ? body : read.batch.bytes,
                sentAt: sentAt.randomElement(using: &random) ?? nil
            )
            builder.clear()
            let sums = try builder.add(kept)
            #expect(sums.accepted == Int64(read.batch.events.count) && sums.batches == 1)
            #expect(sums.accepted == sums.loaded + sums.duplicate && sums.dead == 0)
            let plain = PlainRows(logged: kept, names: seed > 2 ? names : [:])
            var loaded: Int64 = 0
            for table in [WarehouseTable.exposures, .events] {
                for row in try rows(table) {
                    let number = Int(try #require(row["number"]?.integerValue))
                    let event = read.batch.events[number]
                    #expect(plain.table(of: event) == table)
                    let expected = plain.row(event, number, of: read.batch)
                    #expect(expected.count == row.count - 1)
                    for member in expected where !Self.agree(row[member.name], member.value) {
                        Issue.record("\(member.name): \(row[member.name] as Any) is not \(member.value)")
                    }
                    loaded += 1
                }
            }
            #expect(loaded == sums.loaded)
            compared += Int(loaded)
        }
        #expect(compared > 300)
    }
}
