// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateGzip
import FloodgateIngest
import FloodgateJSON
import FloodgateTestSupport
import Testing

@Suite("Batch packer") struct BatchPackerTests {
    private static let receivedAt: Int64 = 1_750_000_362_000

    private let packer: BatchPacker

    init() throws { packer = try BatchPacker() }

    private func pack(_ body: [UInt8], encoding: String? = nil) throws -> PackedBatch {
        var request = IntakeRequest(
            body: body,
            contentEncoding: encoding,
            environment: "production",
            keyKind: "server",
            receivedAt: Self.receivedAt,
            sentAt: Self.receivedAt - 1
        )
        request.idempotencyKey = "key"
        return try packer.pack(request, limits: IntakeLimits())
    }

    @Test func `keeps a body as it came if nothing is to be left out`() throws {
        let plain = Array(#"{"events":[ {"eventName":"a","time":1} ]}"#.utf8)
        for (body, encoding) in [(try Gzip.compress(plain), "gzip"), (try Zstd.compress(plain), "zstd")] {
            let packed = try pack(body, encoding: encoding)
            #expect(packed.logged.payload == body)
            #expect(try packed.logged.plain() == plain)
            #expect(packed.logged.rawSizeBytes == plain.count && packed.logged.eventCount == 1)
            #expect(packed.logged.idempotencyKey == "key" && packed.logged.sentAt == Self.receivedAt - 1)
        }
        #expect(try pack(plain).logged.plain() == plain)
    }

    @Test func `writes a body anew if something is to be left out`() throws {
        let body = #"{"events":[{"eventName":"a","user":{"privateAttributes":{"pin":"1234"}}},7,{"eventName":"b"}]}"#
        let packed = try pack(try Gzip.compress(Array(body.utf8)), encoding: "gzip")
        #expect(!String(decoding: try packed.logged.plain(), as: UTF8.self).contains("1234"))
        #expect(packed.rejected == [RejectedEvent(index: 1, code: .notAnObject)])
        #expect(packed.logged.eventCount == 2)
    }

    @Test func `keeps the same events as the careful reader would`() throws {
        var bodies = RandomBodies(seed: 3)
        var kept = 0
        for _ in 0..<200 {
            let body = bodies.body()
            let packed = try? pack(body)
            let read = try? EventBatchReader().read(body, receivedAt: Self.receivedAt)
            #expect((packed == nil) == (read == nil))
            guard let packed, let read else { continue }
            kept += 1
            #expect(packed.rejected == read.rejected)
            let (left, right) = (try packed.logged.unpack(), read.batch)
            #expect(left.events.count == right.events.count && packed.logged.eventCount == right.events.count)
            for (left, right) in zip(left.events, right.events) {
                #expect(JSONValue.object(left.json).isEquivalent(to: .object(right.json)))
            }
        }
        #expect(kept > 50)
    }

    @Test func `many tasks pack at a time, each its own`() async throws {
        let pool = BatchPackerPool(keeping: 2)
        let counts = try await withThrowingTaskGroup(of: [Int].self) { group in
            for count in 1...40 {
                group.addTask {
                    let events = Array(repeating: #"{"eventName":"a","time":1}"#, count: count).joined(separator: ",")
                    let request = IntakeRequest(
                        body: try Gzip.compress(Array("{\"events\":[\(events)]}".utf8)),
                        environment: "production",
                        keyKind: "server",
                        receivedAt: Self.receivedAt
                    )
                    let packed = try pool.pack(request, limits: IntakeLimits())
                    return [count, packed.logged.eventCount, try packed.logged.unpack().events.count]
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(counts.count == 40 && counts.allSatisfy { Set($0).count == 1 })
    }

    // MARK: Unpacking

    @Test func `unpacks gzip as zlib does, whatever its pieces`() throws {
        let parts = [Array("hello ".utf8), Array(repeating: UInt8(ascii: "x"), count: 300_000), []]
        let members = try parts.map { try Gzip.compress($0) }
        let buffer = BodyBuffer()
        for count in 1...3 {
            try buffer.fill(gunzipping: Array(members[..<count].joined()), limit: 1 << 20)
            #expect(buffer.bytes == Array(parts[..<count].joined()))
        }
    }

    @Test func `refuses damaged gzip, and leaves nothing of it`() throws {
        var random = SeededGenerator(seed: 9)
        let plain = (0..<5000).map { _ in UInt8.random(in: 0...15, using: &random) }
        let whole = try Gzip.compress(plain)
        let buffer = BodyBuffer()
        for _ in 0..<300 {
            var bytes = whole
            let place = Int.random(in: 10..<bytes.count, using: &random)
            if Bool.random(using: &random) { bytes.removeLast(bytes.count - place) } else { bytes[place] ^= 0x40 }
            #expect(throws: GzipError.self) { try buffer.fill(gunzipping: bytes, limit: 1 << 20) }
            #expect(buffer.count == 0)
        }
    }

    @Test func `asks before it unpacks, and keeps to the limit`() throws {
        let whole = try Gzip.compress(Array(repeating: 7, count: 100_000))
        let buffer = BodyBuffer()
        var asked = 0
        try buffer.fill(gunzipping: whole, limit: 100_000) {
            asked += $0; return true
        }
        #expect(asked == 100_000)
        #expect(throws: GzipError.self) { try buffer.fill(gunzipping: whole, limit: 99_999) }
        #expect { try buffer.fill(gunzipping: whole, limit: 1 << 20) { _ in false } } throws: {
            ($0 as? GzipError)?.code == .outOfMemory
        }
        // Two members: what was granted for the last one's size is not asked for again.
        asked = 0
        try buffer.fill(gunzipping: whole + whole, limit: 1 << 20) {
            asked += $0; return true
        }
        #expect(asked == 200_000 && buffer.count == 200_000)
    }
}
