// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateIngest
import FloodgateJSON
import FloodgateTestSupport
import Testing

@Suite("Event scanner") struct EventScannerTests {
    private static let receivedAt: Int64 = 1_750_000_362_000

    private let scanner: EventScanner
    private let buffer = BodyBuffer()

    init() throws { scanner = try EventScanner() }

    private func scan(
        _ body: [UInt8],
        environment: String = "production",
        key: String? = nil,
        limits: EventBatchReader = EventBatchReader()
    ) throws -> ScannedBatch? {
        buffer.fill(body)
        return try scanner.scan(
            buffer,
            ScanTerms(
                seed: EventIdentity.seed(environment: environment),
                receivedAt: Self.receivedAt,
                idempotencyKey: key,
                limits: limits
            )
        )
    }

    private func scan(_ body: String, environment: String = "production", key: String? = nil) throws -> ScannedBatch? {
        try scan(Array(body.utf8), environment: environment, key: key)
    }

    private static func read(_ body: [UInt8], _ limits: EventBatchReader = EventBatchReader()) -> ReadEventBatch? {
        try? limits.read(body, receivedAt: receivedAt)
    }

    /// Checks everything that both readers say about `body`; says whether the scanner took it.
    private func agree(on body: [UInt8], key: String?, limits: EventBatchReader) throws -> Bool {
        let text = String(decoding: body, as: UTF8.self)
        let read = Self.read(body, limits)
        let scanned = try scan(body, key: key, limits: limits)
        if let scanned {
            let read = try #require(read, "the scanner took what the reader refuses: \(text)")
            #expect(scanned.eventCount == read.batch.events.count, "\(text)")
            #expect(scanned.exposureCount == read.batch.events.count(where: \.isExposure), "\(text)")
            #expect(scanned.rejected == read.rejected, "\(text)")
        }
        guard let read else { return false }
        // Written anew, every batch is plain enough for the scanner, and has the same ids.
        var roomy = limits
        roomy.depth += 16
        roomy.valueCount = .max
        let rewritten = try #require(
            try scan(read.batch.bytes, key: key, limits: roomy),
            "not taken when rewritten: \(text)"
        )
        #expect(rewritten.isClean, "\(text)")
        #expect(rewritten.rejected.isEmpty)
        #expect(rewritten.eventCount == read.batch.events.count)
        if let scanned {
            #expect(rewritten.idXor == scanned.idXor && rewritten.idSum == scanned.idSum, "other ids: \(text)")
            if scanned.isClean { #expect(Self.isWithoutSecrets(body, read, limits), "\(text)") }
        }
        return scanned != nil
    }

    /// Whether the body itself says what was read from it, so that it may be kept.
    private static func isWithoutSecrets(_ body: [UInt8], _ read: ReadEventBatch, _ limits: EventBatchReader) -> Bool {
        guard read.rejected.isEmpty, let value = try? JSONValue(parsing: body) else { return false }
        for event in value["events"]?.arrayValue ?? [] {
            if let attributes = event["user"]?["privateAttributes"], !attributes.isNull { return false }
        }
        let texts = read.batch.statsigMetadata.map { [JSONValue.object($0)] } ?? []
        return texts.allSatisfy { value["statsigMetadata"] == $0 }
    }

    @Test(arguments: 0..<8) func `agrees with the careful reader on random bodies`(seed: UInt64) throws {
        var bodies = RandomBodies(seed: seed)
        var limits = EventBatchReader()
        limits.depth = seed.isMultiple(of: 2) ? 64 : 6
        var taken = 0
        for round in 0..<200 {
            let body = bodies.body()
            let key = round.isMultiple(of: 7) ? "key-\(round)" : nil
            if try agree(on: body, key: key, limits: limits) { taken += 1 }
            for _ in 0..<4 { _ = try agree(on: bodies.mutated(body), key: key, limits: limits) }
        }
        #expect(taken > 15, "bodies must not be so odd that nothing is taken")
    }

    @Test func `takes all that SDKs usually send`() throws {
        var bodies = RandomBodies(seed: 1, rarity: 0)
        for _ in 0..<300 {
            let body = bodies.body()
            #expect(try scan(body) != nil || Self.read(body) == nil, "\(String(decoding: body, as: UTF8.self))")
        }
    }

    // MARK: Ids

    private static let event = #"""
        {"eventName":"purchase","time":1750000361000,"user":{"userID":"u-1","customIDs":{"a":"1","b":2}},"value":9.5,
        "metadata":{"sku":"x y","n":10,"deep":{"p":[1,2,{"q":null}],"r":true}},
        "secondaryExposures":[{"gate":"g","gateValue":"true"}]}
        """#

    /// The first half of the id of the only event.
    private func id(_ event: String, environment: String = "production", session: String = "s1") throws -> UInt64 {
        let body = #"{"events":[\#(event)],"statsigMetadata":{"sessionID":"\#(session)"}}"#
        let batch = try #require(try scan(body, environment: environment))
        #expect(batch.eventCount == 1 && batch.idSum == batch.idXor)
        return batch.idXor
    }

    @Test func `an event spelled differently has the same id`() throws {
        let id = try id(Self.event)
        let spellings = [
            #"""
            {"metadata":{"deep":{"r":true,"p":[1.0,2e0,{}]},"n":1e1,"sku":"x\u0020y"},"value":95e-1,"eventName":"\u0070urchase",
            "secondaryExposures":[{"gateValue":"true","gate":"g"}],"time":"1750000361000","other":7,
            "user":{"email":"e","customIDs":{"b":2.0,"a":"1","c":null},"userID":"u-1"}}
            """#,
            Self.event.replacing("1750000361000", with: "1750000361000.0"),
            Self.event.replacing(#""value":9.5,"#, with: #""value":9.50,"statsigMetadata":null,"#),
        ]
        for spelling in spellings { #expect(try self.id(spelling) == id, "\(spelling)") }
    }

    @Test func `ids stay as they are, since they are stored`() throws {
        let ids = [
            try id(Self.event),
            try id(#"{"eventName":"a","id":"018f-1"}"#),
            try scan(#"{"events":[{"eventName":"a"}]}"#, key: "k")?.idXor,
            try scan(#"{"events":[{"eventName":"a","time":1},{"eventName":"a","time":1}]}"#)?.idSum,
        ]
        let stored: [UInt64] = [
            2_778_415_472_429_270_427, 13_408_676_918_641_059_762, 10_401_523_100_707_170_592,
            8_535_718_198_705_237_636,
        ]
        #expect(ids == stored)
    }

    @Test func `another event has another id`() throws {
        var ids: Set<UInt64> = [try id(Self.event)]
        let changes = [
            ("purchase", "purchases"), ("361000", "361001"), ("u-1", "u-2"), (#""a":"1""#, #""a":1"#), ("9.5", "9.6"),
            ("x y", "x  y"), ("[1,2,", "[2,1,"), ("true}}", "false}}"), (#""gate":"g""#, #""gate":"h""#),
            (#""b":2"#, #""c":2"#), (#""n":10,"#, ""), (#""value":9.5"#, #""value":"9.5""#),
        ]
        for (old, new) in changes {
            let changed = Self.event.replacing(old, with: new)
            #expect(changed != Self.event)
            #expect(ids.insert(try id(changed)).inserted, "\(old) → \(new)")
        }
        #expect(ids.insert(try id(Self.event, environment: "staging")).inserted, "another environment")
        #expect(ids.insert(try id(Self.event, session: "s2")).inserted, "another session")
    }

    @Test func `equal events of a batch are told apart, and are the same when they are sent again`() throws {
        let body = #"{"events":[\#(Self.event),\#(Self.event),{"eventName":"a","time":1},\#(Self.event)]}"#
        let first = try #require(try scan(body))
        #expect(first.eventCount == 4)
        #expect(try scan(body) == first, "sent again")
        let alone = try #require(try scan(#"{"events":[\#(Self.event)]}"#))
        let other = try #require(try scan(#"{"events":[{"eventName":"a","time":1}]}"#))
        #expect(first.idXor != other.idXor ^ alone.idXor, "three equal ids would leave one in the exclusive or")
        // In another order there are the same events.
        let shuffled = #"{"events":[{"eventName":"a","time":1},\#(Self.event),\#(Self.event),\#(Self.event)]}"#
        #expect(try scan(shuffled)?.idXor == first.idXor)
        #expect(try scan(shuffled)?.idSum == first.idSum)
    }

    @Test func `an event's own id counts, then the request's key`() throws {
        let own = #"{"eventName":"a","time":1,"id":"018f-1.x:y_z"}"#
        let id = try id(own)
        #expect(try self.id(own.replacing(#""time":1"#, with: #""time":2"#)) == id)
        #expect(try self.id(own.replacing("018f", with: "018e")) != id)
        for bad in ["", "a b", "ä", String(repeating: "x", count: 65)] {
            let event = own.replacing("018f-1.x:y_z", with: bad)
            let later = event.replacing(#""time":1"#, with: #""time":2"#)
            #expect(try self.id(event) != self.id(later), "\(bad) is no id")
        }
        let body = #"{"events":[\#(own),{"eventName":"a"},{},{"eventName":"b"}]}"#
        let keyed = try #require(try scan(body, key: "k-1"))
        let without = #"{"events":[\#(own),{"eventName":"x"},{"eventName":"y","time":7}]}"#
        #expect(
            try scan(without, key: "k-1")?.idXor == keyed.idXor,
            "named by the key and the number among good events"
        )
        #expect(try scan(body, key: "k-2")?.idXor != keyed.idXor)
    }

    // MARK: What is left to the careful reader

    @Test(
        arguments: [
            #"{"events":[],"user":{"userID":"u"}}"#, #"{"events":[{"eventName":"a","time":"2025-06-15T12:00Z"}]}"#,
            #"{"events":[{"eventName":"\ud800"}]}"#, #"{"events":[{"eventName":"\udc00"}]}"#,
            #"{"events":[{"eventName":"\ud800\u0041"}]}"#, #"{"events":[{"eventName":"a","eventName":"b"}]}"#,
            #"{"events":[{"eventName":"a","value":123456789012345678901234567890}]}"#, #"{"events":[],"events":[]}"#,
            #"{"events":[{"eventName":"statsig::diagnostics","metadata":{"m":[{"url":"/secret-abc"}]}}]}"#,
            #"{"events":[],"statsigMetadata":{"sdkKey":"client-abc"}}"#, #"{"events":[],"events":1}"#, "[]", "", "null",
            #"{"events":{}}"#, #"{"events":[]} x"#, #"{"events":[{"eventName":"a","user":{"a":1,"a":1}}]}"#,
        ]
    ) func `leaves to the careful reader what is unusual`(body: String) throws {
        #expect(try scan(body) == nil)
    }

    @Test func `nothing is kept as it came that has private attributes or bad events`() throws {
        let clean = try #require(try scan(#"{"events":[{"eventName":"a","user":{"privateAttributes":null}}]}"#))
        #expect(clean.isClean)
        let attributes = try #require(try scan(#"{"events":[{"eventName":"a","user":{"privateAttributes":{}}}]}"#))
        #expect(!attributes.isClean && attributes.eventCount == 1)
        let rejected = try #require(try scan(#"{"events":[{"eventName":"a"},7]}"#))
        #expect(!rejected.isClean && rejected.rejected == [RejectedEvent(index: 1, code: .notAnObject)])
    }

    @Test func `finds names that stand twice among many`() throws {
        for count in [2, 23, 24, 25, 26, 300] {
            let names = (0..<count).map { "\"a_longer_name_\($0)\":\($0)" }
            let once = #"{"events":[{"eventName":"a","metadata":{\#(names.joined(separator: ","))}}]}"#
            #expect(try scan(once) != nil)
            let twice = once.replacing(
                "\"a_longer_name_0\":0",
                with: "\"a_longer_name_0\":0,\"a_longer_name_\(count - 1)\":0"
            )
            #expect(try scan(twice) == nil)
        }
    }

    @Test func `keeps to the limits`() throws {
        let nested = [
            #""metadata":{"b":[[1]]}"#, #""metadata":{}"#, #""user":{}"#, #""user":{"customIDs":{}}"#,
            #""user":{"a":[]}"#,
            #""secondaryExposures":[]"#, #""secondaryExposures":[{}]"#, #""statsigMetadata":{}"#, #""x":[]"#,
            #""value":[]"#,
        ]
        for member in nested {
            let body = Array(#"{"events":[{"eventName":"a",\#(member)}]}"#.utf8)
            for depth in 1...8 {
                var limits = EventBatchReader()
                limits.depth = depth
                let isRead = Self.read(body, limits) != nil
                #expect(try (scan(body, limits: limits) != nil) == isRead, "\(member) in depth \(depth)")
            }
        }
        let body = Array(#"{"events":[{"eventName":"a","metadata":{"b":[[1]]}}]}"#.utf8)
        for values in 4...9 {
            var limits = EventBatchReader()
            limits.valueCount = values
            #expect(try (scan(body, limits: limits) != nil) == (Self.read(body, limits) != nil), "\(values) values")
        }
        var limits = EventBatchReader()
        limits.sizeBytes = body.count
        #expect(try scan(body, limits: limits) != nil)
        limits.sizeBytes -= 1
        #expect(try scan(body, limits: limits) == nil)
    }
}
