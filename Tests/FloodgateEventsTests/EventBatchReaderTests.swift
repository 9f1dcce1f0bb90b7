// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateJSON
import FloodgateTestSupport
import Testing

@Suite("Event batch reader") struct EventBatchReaderTests {
    @Test func `reads what the Rust core sends`() throws {
        let read = try read(SentBodies.core)
        #expect(read.rejected.isEmpty)
        #expect(
            read.batch.events.map(\.name).map { $0.split(separator: ":").last } == [
                "gate_exposure", "layer_exposure", "purchase", "diagnostics",
            ]
        )
        let gate = read.batch.events[0]
        #expect(gate.secondaryExposures.count == 2, "duplicates are kept")
        #expect(gate.unitID == "u-9")
        #expect(gate.value == nil)
        #expect(Exposure(gate)?.kind == .gate(value: true))
        #expect(Exposure(gate)?.version == 32)
        #expect(Exposure(gate)?.reason == "Network:Recognized")
        #expect(
            Exposure(read.batch.events[1])?.kind
                == .layer(parameter: "copy", allocatedExperiment: "checkout_copy", isExplicit: true)
        )
        #expect(read.batch.events[1].statsigMetadata?["samplingRate"]?.integerValue == 10)
        #expect(read.batch.events[2].value == 12.5)
        #expect(Exposure(read.batch.events[2]) == nil)
        #expect(read.batch.statsigMetadata?["flushType"] == "scheduled:max_time")
    }

    @Test func `reads what the older Python SDK sends`() throws {
        let read = try read(SentBodies.legacyPython)
        #expect(read.rejected.isEmpty)
        let exposure = try #require(Exposure(read.batch.events[0]))
        #expect(exposure.kind == .config(rulePassed: false))
        #expect(exposure.version == 4)
        #expect(!exposure.isManual)
        #expect(read.batch.events[1].user == nil)
        #expect(read.batch.events[1].value == "free")
    }

    @Test func `reads what the JavaScript client sends`() throws {
        let read = try read(SentBodies.javaScript)
        #expect(read.rejected.isEmpty)
        let exposure = try #require(Exposure(read.batch.events[0]))
        #expect(exposure.name == "2867927529", "a client only knows the hash")
        #expect(exposure.unitID == "s-1", "an empty user ID is none")
        #expect(exposure.isManual)
        #expect(read.batch.events[0].user?["analyticsOnlyMetadata"]?["plan"] == "pro")
        #expect(read.batch.events[1].additionalMembers == ["extra": [1]])
        #expect(read.batch.additionalMembers == ["k": "client-abc"])
    }

    @Test func `reads what is written to the HTTP API by hand`() throws {
        let events = try read(SentBodies.httpAPI, receivedAt: 77).batch.events
        #expect(events.map(\.time) == [1_749_983_161_500, 77])
        #expect(events.map(\.unitID) == ["for-all", "own"])
    }

    @Test(arguments: [SentBodies.core, SentBodies.legacyPython, SentBodies.javaScript, SentBodies.httpAPI])
    func `writes a canonical form that reads back the same`(body: String) throws {
        let batch = try read(body).batch
        let again = try EventBatchReader().read(batch.bytes, receivedAt: 99)
        #expect(again.rejected.isEmpty)
        #expect(again.batch == batch)
        #expect(again.batch.bytes == batch.bytes)
    }

    @Test(arguments: [SentBodies.core, SentBodies.legacyPython, SentBodies.javaScript, SentBodies.httpAPI])
    func `lets no private attribute and no key of a diagnostics address through`(body: String) throws {
        let text = String(decoding: try read(body).batch.bytes, as: UTF8.self)
        #expect(!text.contains("privateAttributes"))
        #expect(!text.contains("9f2c1"))
    }

    @Test func `redacts keys wherever they stand in a text`() throws {
        let read = try read(
            """
            {"events":[{"eventName":"statsig::diagnostics","value":"k=client-abc&x",
             "metadata":{"a":["secret-1 secret-","console-Z_-9/"]}},
            {"eventName":"mine","value":"secret-1"}],"statsigMetadata":{"fallbackUrl":"http://h/v1/rgstr?k=client-abc"}}
            """
        )
        #expect(read.batch.events[0].value == "k=client-redacted&x")
        #expect(read.batch.events[0].metadata == ["a": ["secret-redacted secret-", "console-redacted/"]])
        #expect(read.batch.events[1].value == "secret-1", "the application's own events are its own")
        #expect(read.batch.statsigMetadata?["fallbackUrl"] == "http://h/v1/rgstr?k=client-redacted")
    }

    @Test(arguments: [
        ("7", RejectedEvent.Code.notAnObject), ("null", .notAnObject), ("{}", .missingName),
        (#"{"eventName":null}"#, .missingName), (#"{"eventName":""}"#, .invalidName),
        (#"{"eventName":1}"#, .invalidName),
        (#"{"eventName":"e","time":"soon"}"#, .invalidTime), (#"{"eventName":"e","time":true}"#, .invalidTime),
        (#"{"eventName":"e","time":"2025-02-30"}"#, .invalidTime), (#"{"eventName":"e","user":"u"}"#, .invalidUser),
        (#"{"eventName":"e","value":{}}"#, .invalidValue), (#"{"eventName":"e","metadata":[]}"#, .invalidMetadata),
        (#"{"eventName":"e","statsigMetadata":1}"#, .invalidStatsigMetadata),
        (#"{"eventName":"e","secondaryExposures":{}}"#, .invalidSecondaryExposures),
        (#"{"eventName":"e","secondaryExposures":["g"]}"#, .invalidSecondaryExposures),
    ])
    func `keeps the good events beside a bad one`(event: String, code: RejectedEvent.Code) throws {
        let read = try read(#"{"events":[{"eventName":"first"},\#(event),{"eventName":"last"}]}"#)
        #expect(read.batch.events.map(\.name) == ["first", "last"])
        #expect(read.rejected == [RejectedEvent(index: 1, code: code)])
    }

    @Test func `takes null for absent everywhere`() throws {
        let read = try read(
            """
            {"user":null,"statsigMetadata":null,"events":[{"eventName":"e","time":null,"user":null,"value":null,
            "metadata":null,"statsigMetadata":null,"secondaryExposures":null}]}
            """,
            receivedAt: 42
        )
        #expect(read.batch == EventBatch(events: [Event(name: "e", time: 42)]))
    }

    @Test(arguments: [
        ("", EventBatchError.Code.notJSON), ("{", .notJSON), ("{\"events\":[]} x", .notJSON), ("hello", .notJSON),
        ("{\"events\":[NaN]}", .notJSON), ("[]", .notAnObject), ("null", .notAnObject), ("{}", .noEvents),
        ("{\"events\":null}", .noEvents), ("{\"events\":{}}", .noEvents),
    ])
    func `refuses what has no list of events`(body: String, code: EventBatchError.Code) {
        let error = #expect(throws: EventBatchError.self) { try read(body) }
        #expect(error?.code == code)
    }

    @Test func `refuses what is nested too deep or too full`() throws {
        let inside = String(repeating: "[", count: 61) + String(repeating: "]", count: 61)
        #expect(try read(#"{"events":[{"eventName":"e","x":\#(inside)}]}"#).batch.events.count == 1)
        let error = #expect(throws: EventBatchError.self) {
            try read(#"{"events":[{"eventName":"e","x":[\#(inside)]}]}"#)
        }
        #expect(error?.code == .notJSON)
        var reader = EventBatchReader()
        reader.valueCount = 3
        let full = #expect(throws: EventBatchError.self) {
            try reader.read(Array("{\"events\":[0,0,0]}".utf8), receivedAt: 0)
        }
        #expect(full?.code == .tooManyValues)
    }

    @Test(arguments: [
        ("1", 1), ("1.4", 1), ("1e3", 1000), ("\"17\"", 17), ("-5", -5), ("1e300", 5), ("9223372036854775807", 5),
        ("18446744073709551615", 5), ("\"99999999999999999\"", 5), ("\"1970-01-02\"", 86_400_000),
        ("\"1970-01-01T00:00:01Z\"", 1000), ("\"1970-01-01 00:00:00.0019\"", 1),
        ("\"2024-02-29T23:59:59,999Z\"", 1_709_251_199_999),
        ("\"1969-12-31T23:59:59-0030\"", 1_799_000), ("\"2000-03-01T00:00+14\"", 951_818_400_000),
    ])
    func `reads times as numbers, digits and dates`(text: String, time: Int64) throws {
        #expect(try read(#"{"events":[{"eventName":"e","time":\#(text)}]}"#).batch.events.first?.time == time)
    }

    @Test(arguments: 0..<40 as Range<UInt64>)
    func `survives any bytes`(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let bodies = [SentBodies.core, SentBodies.legacyPython, SentBodies.javaScript, SentBodies.httpAPI]
        var accepted = 0
        for round in 0..<50 {
            var body = Array(bodies[round % bodies.count].utf8)
            for _ in 0..<Int.random(in: 1...4, using: &random) { mutate(&body, using: &random) }
            guard let read = try? EventBatchReader().read(body, receivedAt: 1) else { continue }
            accepted += 1
            let again = try EventBatchReader().read(read.batch.bytes, receivedAt: 1)
            #expect(again.batch == read.batch, "what was accepted can be kept")
            #expect(again.rejected.isEmpty)
            for event in read.batch.events { _ = Exposure(event) }
        }
        #expect(accepted > 0)
    }

    private func mutate(_ body: inout [UInt8], using random: inout SeededGenerator) {
        guard !body.isEmpty else { return }
        let place = Int.random(in: 0..<body.count, using: &random)
        switch Int.random(in: 0..<5, using: &random) {
        case 0: body[place] = UInt8.random(in: 0...255, using: &random)
        case 1: body.remove(at: place)
        case 2: body.insert(Array("{}[]\",:0-eE\\u.tfn".utf8).randomElement(using: &random) ?? 0, at: place)
        case 3:
            let end = min(body.count, place + Int.random(in: 1...30, using: &random))
            body.insert(contentsOf: body[place..<end], at: place)
        default:
            let digits = Array("-1e308".utf8)
            if 0x30...0x39 ~= body[place] { body.replaceSubrange(place...place, with: digits) }
        }
    }
}
