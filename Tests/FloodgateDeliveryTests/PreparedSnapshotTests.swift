// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateGzip
import FloodgateJSON
import FloodgateSpecs
import Synchronization
import Testing

@Suite("Prepared snapshot") struct PreparedSnapshotTests {
    static let time: UInt64 = 1_750_000_360_000

    static func snapshot(time: UInt64 = time, checksum: String? = "c2+/=", environment: String = "production") throws
        -> PreparedSnapshot
    {
        var document = SpecDocument(time: time, checksum: checksum)
        let everyone = Rule(
            id: "r1",
            name: "Everyone",
            passPercentage: .integer(100),
            conditions: [.inline(Condition(type: "public"))],
            returnValue: true
        )
        let gate = Spec(
            name: "g",
            type: "feature_gate",
            entity: "feature_gate",
            salt: "s",
            defaultValue: false,
            rules: [everyone]
        )
        document.gates = [document.interned(gate)]
        document.others["hashed_sdk_key_used"] = "12345"
        document.others["response_format"] = "dcs-v2"
        return try PreparedSnapshot(document, environment: environment, receivedAt: 0)
    }

    @Test(arguments: SpecDocument.Shape.allCases, [false, true])
    func `gives the whole snapshot to who holds none`(shape: SpecDocument.Shape, acceptsGzip: Bool) async throws {
        let answer = try await Self.snapshot().answer(shape, toHolderOf: HeldSnapshot(), acceptsGzip: acceptsGzip)
        #expect(answer.isUpdate)
        #expect(answer.isCompressed == acceptsGzip)
        let bytes = acceptsGzip ? try Gzip.decompress(answer.body, limit: 1 << 20) : answer.body
        let document = try JSONValue(parsing: bytes)
        #expect(document["has_updates"] == true)
        #expect(document["time"]?.integerValue == Int64(Self.time))
        #expect(document["checksum"] == "c2+/=")
        #expect(document["hashed_sdk_key_used"] == nil, "older SDKs refuse a document that is for another key")
        switch shape {
        case .v1:
            #expect(document["feature_gates"]?.arrayValue?.first?["name"] == "g")
            #expect(document["condition_map"] == nil)
        case .v2:
            let members = [
                "has_updates", "time", "feature_gates", "dynamic_configs", "layer_configs", "condition_map",
                "experiment_to_layer",
            ]
            for member in members {
                #expect(document[member] != nil, "the Rust core refuses a document without \(member)")
            }
        }
    }

    @Test(
        arguments: [
            (time, nil, false), (time, "c2+/=", false), (time, "c2%2B%2F%3D", false),
            (time, "c2%252B%252F%253D", false),
            (time + 1, nil, false), (.max, "c2+/=", false), (time, "other", true), (time + 1, "other", true),
            (time - 1, "c2+/=", true), (time - 1, nil, true), (0, nil, true),
        ] as [(UInt64, String?, Bool)]
    )
    func `says that there is nothing new only to who holds just this`(time: UInt64, checksum: String?, isUpdate: Bool)
        async throws
    {
        let held = HeldSnapshot(time: time, checksum: checksum)
        for shape in SpecDocument.Shape.allCases {
            let answer = try await Self.snapshot().answer(shape, toHolderOf: held, acceptsGzip: true)
            #expect(answer.isUpdate == isUpdate)
            if !isUpdate {
                #expect(String(decoding: answer.body, as: UTF8.self) == #"{"has_updates":false}"#)
                #expect(!answer.isCompressed)
            }
        }
    }

    @Test func `has an entity tag only of a checksum that fits into one`() throws {
        #expect(try Self.snapshot().entityTag == "\"c2+/=\"")
        #expect(try Self.snapshot(checksum: "a\"b").entityTag == nil)
        #expect(try Self.snapshot(checksum: "a\r\nb").entityTag == nil)
        #expect(try Self.snapshot(checksum: nil).entityTag == nil)
    }
}

@Suite("Forms of a snapshot") struct SnapshotFormTests {
    @Test func `are made when they are needed first, and stay`() async throws {
        let snapshot = try PreparedSnapshotTests.snapshot()
        #expect(snapshot.ready(.v2, compressed: false) == snapshot.payload)
        #expect(snapshot.ready(.v2, compressed: true) == nil)
        #expect(snapshot.ready(.v1, compressed: false) == nil)
        let body = try await snapshot.body(acceptsGzip: true)
        #expect(body.isCompressed && snapshot.ready(.v2, compressed: true) == body.body)
        #expect(snapshot.ready(.v1, compressed: false) == nil, "nobody asked for it")
        let first = try await snapshot.body(.v1, acceptsGzip: false)
        #expect(snapshot.ready(.v1, compressed: false) == first.body)
    }

    @Test func `are made once, however many ask at the same time`() async throws {
        let made = Atomic<Int>(0)
        let once = MadeOnce {
            made.add(1, ordering: .relaxed)
            await Task.yield()
            return [1, 2, 3]
        }
        try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<100 { group.addTask { try await once.bytes() } }
            for try await bytes in group { #expect(bytes == [1, 2, 3]) }
        }
        #expect(made.load(ordering: .relaxed) == 1)
        #expect(once.ready == [1, 2, 3])
    }

    @Test func `tell everybody who waits that they cannot be made`() async throws {
        let once = MadeOnce { throw GzipError(.outOfMemory, "test") }
        await #expect(throws: GzipError.self) { try await once.bytes() }
        await #expect(throws: GzipError.self) { try await once.bytes() }
        #expect(once.ready == nil)
    }
}

@Suite("Snapshot board") struct SnapshotBoardTests {
    @Test func `never goes back in time`() throws {
        let board = SnapshotBoard()
        #expect(board.snapshot(of: "production") == nil)
        #expect(board.post(try PreparedSnapshotTests.snapshot(time: 5, checksum: "a")))
        #expect(!board.post(try PreparedSnapshotTests.snapshot(time: 4, checksum: "b")))
        #expect(!board.post(try PreparedSnapshotTests.snapshot(time: 5, checksum: "a")))
        #expect(board.snapshot(of: "production")?.checksum == "a")
        #expect(board.post(try PreparedSnapshotTests.snapshot(time: 5, checksum: "c")))
        #expect(board.post(try PreparedSnapshotTests.snapshot(time: 6, checksum: "c")))
        #expect(board.times == ["production": 6])
    }

    @Test func `keeps environments apart`() throws {
        let board = SnapshotBoard()
        board.post(try PreparedSnapshotTests.snapshot(time: 9, environment: "production"))
        #expect(board.post(try PreparedSnapshotTests.snapshot(time: 3, environment: "staging")))
        #expect(board.snapshot(of: "staging")?.time == 3)
        #expect(board.snapshot(of: "production")?.time == 9)
    }
}
