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
        for round in 0..<400 {
            let body = bodies.body()
            let key = round.isMultiple(of: 7) ? "key-\(round)" : nil
            if try agree(on: body, key: key, limits: limits) { taken += 1 }
            for _ in 0..<4 { _ = try agree(on: bodies.mutated(body), key: key, limits: limits) }
        }
        #expect(taken > 30, "bodies must not be so odd that nothing is taken")
    }

    @Test func `takes all that SDKs usually send`() throws {
        var bodies = RandomBodies(seed: 1, rarity: 0)
        for _ in 0..<300 {
            let body = bodies.body()
            #expect(try scan(body) != nil || Self.read(body) == nil, "\(String(decoding: body, as: UTF8.self))")
        }
    }
}
