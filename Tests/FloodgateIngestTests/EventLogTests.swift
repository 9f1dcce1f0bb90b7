// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateIngest
import FloodgateTestSupport
import Testing

@Suite("Event log in memory") struct InMemoryEventLogTests {
    @Test func `keeps the promises of an event log`() async throws {
        try await checkEventLog(InMemoryEventLog())
    }

    @Test func `a payload that is not what was packed is an error, not a trap`() throws {
        let batch = EventBatch(events: [Event(name: "e", time: 1)])
        let good = try LoggedBatch(packing: batch, receivedAt: 1, environment: "production", keyKind: "server")
        #expect(try good.unpack() == batch)
        for index in good.payload.indices {
            var bad = good
            bad.payload[index] ^= 0xFF
            let unpacked = try? bad.unpack()
            #expect(unpacked == nil || unpacked == batch)
        }
        var none = good
        none.payload = []
        #expect(throws: EventLogError.self) { try none.unpack() }
    }
}

@Suite("Zstandard") struct ZstdTests {
    @Test(arguments: [0, 1, 100, 1 << 17, (1 << 17) + 1, 3_000_000])
    func `gives back what it was given`(size: Int) throws {
        let bytes = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ ($0 >> 8)) }
        let packed = try Zstd.compress(bytes)
        #expect(try Zstd.decompress(packed, limit: size) == bytes)
        #expect(try Zstd.decompress(packed + packed, limit: 2 * size) == bytes + bytes, "frames follow each other")
        if size > 0 {
            let error = #expect(throws: ZstdError.self) { try Zstd.decompress(packed, limit: size - 1) }
            #expect(error?.code == .tooLarge)
        }
    }

    @Test func `refuses what is cut, changed or no zstd at all`() throws {
        let packed = try Zstd.compress(Array(repeating: 7, count: 1000))
        for length in 0..<packed.count {
            let error = #expect(throws: ZstdError.self) {
                try Zstd.decompress(Array(packed[..<length]), limit: 1 << 20)
            }
            #expect(error?.code == .truncated)
        }
        #expect(throws: ZstdError.self) { try Zstd.decompress(packed + [1], limit: 1 << 20) }
        #expect(throws: ZstdError.self) { try Zstd.decompress(Array("{}".utf8), limit: 1 << 20) }
    }

    @Test func `reads nothing else from what was changed since, wherever a bit is another one`() throws {
        var random = SeededGenerator(seed: 7)
        // Texts that repeat, and bytes that do not: all kinds of blocks.
        let noise = (0..<300).map { _ in UInt8.random(in: 0...255, using: &random) }
        let bytes = Array(String(repeating: "{\"eventName\":\"purchase\"},", count: 20).utf8) + noise
        let packed = try Zstd.compress(bytes)
        for bit in stride(from: 0, to: 8 * packed.count, by: 3) {
            var changed = packed
            changed[bit / 8] ^= 1 << (bit % 8)
            // Some bits have no meaning (RFC 8878, 3.1.1.1.1.3).
            let read = try? Zstd.decompress(changed, limit: 1 << 20)
            #expect(read == nil || read == bytes, "bit \(bit)")
        }
    }

    @Test func `refuses a window of more than 8 MiB`() {
        // Frame header by RFC 8878: no content size, window of 2^24 bytes, then one empty last block.
        let frame: [UInt8] = [0x28, 0xB5, 0x2F, 0xFD, 0x00, UInt8((24 - 10) << 3), 0x01, 0x00, 0x00]
        #expect(throws: ZstdError.self) { try Zstd.decompress(frame, limit: 1 << 20) }
        var allowed = frame
        allowed[5] = UInt8((23 - 10) << 3)
        #expect((try? Zstd.decompress(allowed, limit: 1 << 20)) == [])
    }

    @Test func `stops a bomb at the limit`() throws {
        let bomb = try Zstd.compress([UInt8](repeating: 0, count: 100 << 20))
        #expect(bomb.count < 20_000)
        let error = #expect(throws: ZstdError.self) { try Zstd.decompress(bomb, limit: 64 << 20) }
        #expect(error?.code == .tooLarge)
    }
}
