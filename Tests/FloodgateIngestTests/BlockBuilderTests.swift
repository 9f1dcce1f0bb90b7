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
        for _ in 0..<120 {
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
        #expect(compared > 150)
    }

    @Test(arguments: 0..<3) func `writes the same rows packed`(seed: UInt64) throws {
        var bodies = RandomBodies(seed: 200 + seed)
        let packing = try BlockBuilder(node: "node-1", form: .packed)
        for builder in [builder, packing] { try builder.rename(hash: "g1", to: "Gate \"1\"\\") }
        var compared = 0
        for number in 0..<200 {
            let body = bodies.body()
            guard let read = try? EventBatchReader().read(body, receivedAt: Self.receivedAt) else { continue }
            let kept = try Self.logged(read.rejected.isEmpty ? body : read.batch.bytes)
            // All in one block, so that each row stands behind others.
            let reason = number.isMultiple(of: 4) ? "because" : nil
            #expect(try packing.add(kept, deadReason: reason) == builder.add(kept, deadReason: reason))
        }
        let block = packing.finish(id: "b", day: Self.day, ledger: [])
        #expect(block.form == .packed)
        for table in WarehouseTable.allCases {
            let expected = try rows(table).map { try #require(table.packed($0)) }
            #expect(block.rows[table] == expected.flatMap(\.self))
            #expect(block.counts[table] == expected.count)
            compared += expected.count
        }
        #expect(compared > 200)
    }

    private static let two = #"""
        {"events":[{"eventName":"a","time":1750000361000,"value":"1.50"},
        {"eventName":"statsig::gate_exposure","time":1750000361001,"user":{"userID":"u"},"metadata":{"gate":"g"}}]}
        """#

    @Test func `leaves out an event that the block has`() throws {
        let batch = try Self.logged(Self.two)
        let first = try builder.add(batch)
        #expect(first.loaded == 2 && first.duplicate == 0 && builder.rowCount == 2)
        let again = try builder.add(batch)
        #expect(again.accepted == 2 && again.loaded == 0 && again.duplicate == 2)
        #expect(again.idXor == first.idXor && again.idSum == first.idSum, "sums are over what was accepted")
        #expect(builder.rowCount == 2)
        builder.clear()
        #expect(builder.rowCount == 0 && builder.sizeBytes == 0)
        #expect(try builder.add(batch).loaded == 2, "a new block knows nothing of the one before")
    }

    @Test func `takes a part of a batch`() throws {
        let batch = try Self.logged(Self.two)
        let whole = try builder.add(batch)
        builder.clear()
        let head = try builder.add(batch, events: 0..<1)
        let tail = try builder.add(batch, events: 1..<2)
        #expect(head.loaded == 1 && tail.loaded == 1 && head.batches == 1 && tail.batches == 0)
        #expect(head.idXor ^ tail.idXor == whole.idXor && head.idSum &+ tail.idSum == whole.idSum)
        #expect(try rows(.events).map { $0["number"] } == [0])
        #expect(try rows(.exposures).map { $0["number"] } == [1])
        #expect(try builder.add(batch, events: 2..<9).accepted == 0)
    }

    @Test func `ids of equal events do not depend on the part that is taken`() throws {
        let equal = #"{"events":[{"eventName":"a","time":1},{"eventName":"a","time":1},{"eventName":"a","time":1}]}"#
        let batch = try Self.logged(equal)
        try builder.add(batch)
        let ids = try rows(.events).map { $0["id"] }
        #expect(Set(ids).count == 3)
        builder.clear()
        try builder.add(batch, events: 1..<3)
        #expect(try rows(.events).map { $0["id"] } == Array(ids[1...]))
    }

    @Test func `the id's text begins with the half that is summed up`() throws {
        let sums = try builder.add(try Self.logged(Self.two), events: 0..<1)
        let id = try #require(try rows(.events).first?["id"]?.stringValue)
        #expect(UInt64(id.replacing("-", with: "").prefix(16), radix: 16) == sums.idXor)
    }

    @Test func `makes dead letters of what cannot be loaded`() throws {
        let body = #"""
            {"events":[{"eventName":"a\n","time":1,"user":{"email":"\"e\"","privateAttributes":{"pin":7}},"x":[null,{}]}]}
            """#
        let sums = try builder.add(try Self.logged(body), deadReason: "no \"good\"")
        #expect(sums.dead == 1 && sums.loaded == 0 && sums.accepted == 1)
        let row = try #require(try rows(.deadLetters).first)
        #expect(
            row["reason"] == "no \"good\"" && row["node"] == "node-1" && row["received_at"] == .integer(Self.receivedAt)
        )
        let event = try JSONValue(parsing: Array((row["event"]?.stringValue ?? "").utf8))
        let user: JSONObject = ["email": "\"e\""]
        #expect(event == ["eventName": "a\n", "time": 1, "user": .object(user), "x": [.null, [:]]])
        #expect(try rows(.events).isEmpty)
    }

    @Test func `names what client SDKs only know as hashes`() throws {
        let body = #"""
            {"events":[{"eventName":"statsig::layer_exposure","metadata":{"config":"h1","allocatedExperiment":"h2","ruleID":"h1"},
            "secondaryExposures":[{"gate":"h1","gateValue":"h1"},{"gate":"h3"}]}]}
            """#
        let before = try builder.add(try Self.logged(body))
        builder.clear()
        try builder.rename(hash: "h1", to: "old")
        try builder.rename(hash: "h1", to: "layer \"one\"")
        try builder.rename(hash: "h2", to: "experiment")
        #expect(try builder.add(try Self.logged(body)).idXor == before.idXor, "ids do not depend on names")
        let row = try #require(try rows(.exposures).first)
        #expect(row["name"] == "layer \"one\"" && row["experiment"] == "experiment" && row["rule_id"] == "h1")
        #expect(row["secondary"] == #"[{"gate":"layer \"one\"","gateValue":"h1"},{"gate":"h3"}]"#)
        builder.clear()
        builder.forgetNames()
        try builder.add(try Self.logged(body))
        #expect(try rows(.exposures).first?["name"] == "h1")
    }

    @Test func `puts the client's clock right within bounds`() throws {
        let received = Self.receivedAt
        let week: Int64 = 7 * 86_400_000
        let cases: [(time: Int64, sentAt: Int64?, corrected: Int64, isClamped: Int64)] = [
            (received - 500, nil, received - 500, 0),
            (received - 500, received - 2000, received - 500, 0),
            (received - 500, received - 2001, received + 1501, 0),
            (received + 5_000_000, received + 5_000_100, received - 100, 0),
            (received - week, nil, received - week, 0), (received - week - 1, nil, received, 1),
            (received + 600_000, nil, received + 600_000, 0), (received + 600_001, nil, received, 1),
            (1, .min, received, 1), (1, .max, received, 1),
        ]
        for (time, sentAt, corrected, isClamped) in cases {
            builder.clear()
            try builder.add(try Self.logged(#"{"events":[{"eventName":"a","time":\#(time)}]}"#, sentAt: sentAt))
            let row = try #require(try rows(.events).first)
            #expect(row["time"] == .integer(corrected) && row["is_clamped"] == .integer(isClamped), "\(time)")
            #expect(row["client_time"] == .integer(time))
        }
    }

    @Test func `reads batches that only the careful reader understands`() throws {
        let odd = #"{"events":[{"eventName":"a","time":"2025-06-15T15:12:00Z"}],"user":{"userID":"u"}}"#
        #expect(try builder.add(try Self.logged(odd)).loaded == 1)
        let row = try #require(try rows(.events).first)
        #expect(row["user_id"] == "u" && row["client_time"] == 1_750_000_320_000)
    }

    @Test func `a batch that is none adds nothing`() throws {
        try builder.add(try Self.logged(Self.two))
        for body in ["{\"events\":[{\"eventName\":\"b\"}", "", "[]"] {
            #expect(throws: EventLogError.self) { try builder.add(try Self.logged(body)) }
        }
        #expect(builder.rowCount == 2)
    }
}
