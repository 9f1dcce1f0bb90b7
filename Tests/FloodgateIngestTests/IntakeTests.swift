// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateGzip
import FloodgateIngest
import FloodgateJSON
import Logging
import Testing

@Suite("Intake") struct IntakeTests {
    private let log = InMemoryEventLog()

    private func intake(_ limits: IntakeLimits = IntakeLimits()) -> Intake {
        Intake(log: log, limits: limits, logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }))
    }

    private func request(_ body: [UInt8], encoding: String? = nil, isMarkedGzip: Bool = false) -> IntakeRequest {
        IntakeRequest(
            body: body,
            contentEncoding: encoding,
            isMarkedGzip: isMarkedGzip,
            environment: "production",
            keyKind: "server",
            receivedAt: 1_750_000_362_000,
            sentAt: 1_750_000_361_500
        )
    }

    private static let body = Array(
        """
        {"events":[{"eventName":"purchase","time":1750000361000,"user":{"userID":"u"},"value":1},
        {"eventName":"statsig::gate_exposure","metadata":{"gate":"g","gateValue":"true"}}],
        "statsigMetadata":{"sdkType":"t"}}
        """.utf8
    )

    enum Wrapping: String, CaseIterable {
        case plain, identity, gzip, xGzip, zstd, gzipWithoutHeader, zstdWithoutHeader, gzMark, gzMarkOnPlain

        func request(_ body: [UInt8], _ make: ([UInt8], String?, Bool) -> IntakeRequest) throws -> IntakeRequest {
            switch self {
            case .plain: make(body, nil, false)
            case .identity: make(body, "identity", false)
            case .gzip: make(try Gzip.compress(body), "gzip", false)
            case .xGzip: make(try Gzip.compress(body), " X-GZip ", false)
            case .zstd: make(try Zstd.compress(body), "zstd", false)
            case .gzipWithoutHeader: make(try Gzip.compress(body), nil, false)
            case .zstdWithoutHeader: make(try Zstd.compress(body), nil, false)
            case .gzMark: make(try Gzip.compress(body), nil, true)
            case .gzMarkOnPlain: make(body, nil, true)
            }
        }
    }

    @Test(arguments: Wrapping.allCases)
    func `takes a body however it is wrapped`(wrapping: Wrapping) async throws {
        let intake = intake()
        let answer = await intake.accept(
            try wrapping.request(Self.body) { request($0, encoding: $1, isMarkedGzip: $2) }
        )
        #expect(answer.status == 202)
        #expect(
            String(decoding: answer.body, as: UTF8.self)
                == #"{"success":true,"accepted":2,"duplicate":0,"rejected":[]}"#
        )
        let kept = try await log.read(after: 0, limit: 10)
        let batch = try #require(kept.first)
        #expect(batch.eventCount == 2)
        #expect(batch.exposureCount == 1)
        #expect(batch.environment == "production")
        #expect(batch.sentAt == 1_750_000_361_500)
        let unpacked = try batch.unpack()
        #expect(unpacked.events.map(\.name) == ["purchase", "statsig::gate_exposure"])
        #expect(unpacked.events[1].time == 1_750_000_362_000, "an event without a time has the request's")
        #expect(intake.counts.acceptedEvents == 2)
    }

    @Test(arguments: Wrapping.allCases)
    func `begins with a short batch of good events, and answers it as one that is waited for`(
        wrapping: Wrapping
    ) async throws {
        let intake = intake()
        let sent = try wrapping.request(Self.body) { request($0, encoding: $1, isMarkedGzip: $2) }
        let (answers, answer) = AsyncStream.makeStream(of: IntakeAnswer.self)
        #expect(intake.begin(sent) { answer.yield($0()) })
        let waited = await intake.accept(sent)
        for await answer in answers.prefix(1) { #expect(answer == waited) }
        let kept = try await log.read(after: 0, limit: 10)
        #expect(kept.count == 2)
        #expect(kept.first?.payload == kept.last?.payload)
        #expect(kept.first?.idXor == kept.last?.idXor)
        #expect(intake.counts.acceptedEvents == 4)
    }

    @Test func `says of a batch that it has begun with why the log did not keep it`() async throws {
        let intake = intake()
        log.fail(with: EventLogError(.full, "The disk is full"))
        let (answers, answer) = AsyncStream.makeStream(of: IntakeAnswer.self)
        #expect(intake.begin(request(Self.body)) { answer.yield($0()) })
        for await answer in answers.prefix(1) {
            #expect(answer.status == 503)
            #expect(answer.refusal == .storageFull)
        }
        #expect(intake.counts.refusedRequests == [.storageFull: 1])
    }

    @Test func `begins with nothing that takes long, has something wrong with it, or nowhere to go`() async throws {
        let intake = intake()
        let long = Array(repeating: #"{"eventName":"a","time":1750000361000}"#, count: 2_000).joined(separator: ",")
        let longBody = Array(#"{"events":[\#(long)]}"#.utf8)
        let secret = #"{"events":[{"eventName":"a","user":{"userID":"u","privateAttributes":{"a":1}}}]}"#
        for refused in [
            request(longBody), request(try Gzip.compress(longBody), encoding: "gzip"),
            request(try Zstd.compress(longBody), encoding: "zstd"), request(Array(secret.utf8)),
            request(Array(#"{"events":[{"eventName":"e"},{}]}"#.utf8)), request(Array(#"{"events":[]}"#.utf8)),
            request(Array(Self.body.dropLast())), request(Self.body, encoding: "br"),
            request(Array(try Gzip.compress(Self.body).dropLast(5)), encoding: "gzip"),
        ] {
            #expect(!intake.begin(refused) { _ in Issue.record("It was begun") })
        }
        log.fill = 0.85
        #expect(!intake.begin(request(Self.body)) { _ in Issue.record("It was begun") })
        log.fill = 0
        log.fail(with: EventLogError(.overloaded, "Too much"))
        #expect(!intake.begin(request(Self.body)) { _ in Issue.record("It was begun") })
        #expect(try await log.counts().batches == 0)
        #expect(intake.counts.acceptedRequests == 0)
        #expect(intake.counts.refusedRequests.isEmpty, "each is for the other way, which counts it")
    }

    @Test func `takes from an edge what packs better than clients' bodies may`() async throws {
        let events = Array(repeating: #"{"eventName":"a","time":1750000361000}"#, count: 50_000).joined(separator: ",")
        var packed = request(try Zstd.compress(Array("{\"events\":[\(events)]}".utf8)), encoding: "zstd")
        let intake = intake()
        #expect(await intake.accept(packed).status == 413)
        packed.isFromEdge = true
        #expect(await intake.accept(packed).status == 202)
    }

    @Test func `answers for the good events and lists the bad ones, 20 at most`() async throws {
        let bad = Array(repeating: "{}", count: 30).joined(separator: ",")
        let intake = intake()
        let answer = await intake.accept(request(Array(#"{"events":[{"eventName":"e"},\#(bad)]}"#.utf8)))
        #expect(answer.status == 202)
        let body = try JSONValue(parsing: answer.body)
        #expect(body["success"] == true)
        #expect(body["accepted"] == 1)
        #expect(body["rejected"]?.arrayValue?.count == 20)
        #expect(body["rejected"]?.arrayValue?.first == ["index": 1, "code": "missing_name"])
        #expect(intake.counts.rejectedEvents == [.missingName: 30])
        #expect(try await log.counts().events == 1)
    }

    @Test func `answers 202 without keeping anything if there is nothing good`() async throws {
        #expect(await intake().accept(request(Array(#"{"events":[]}"#.utf8))).status == 202)
        #expect(await intake().accept(request(Array(#"{"events":[1]}"#.utf8))).status == 202)
        #expect(try await log.counts().batches == 0)
    }

    @Test func `refuses what it cannot read, with a reason and a status, and keeps nothing`() async throws {
        let gzip = try Gzip.compress(Self.body)
        let zstd = try Zstd.compress(Self.body)
        let deep = String(repeating: "[", count: 100) + String(repeating: "]", count: 100)
        let cases: [(IntakeRequest, Int, IntakeRefusal)] = [
            (request([]), 400, .notJSON),
            (request(Array("hello".utf8)), 400, .notJSON),
            (request(Array(Self.body.dropLast())), 400, .notJSON),
            (request(Array(#"{"events":[\#(deep)]}"#.utf8)), 400, .notJSON),
            (request([0xFF, 0xFE]), 400, .notJSON),
            (request(Array("[]".utf8)), 400, .noEvents),
            (request(Array("{}".utf8)), 400, .noEvents),
            (request(Array(gzip.dropLast(5)), encoding: "gzip"), 400, .badCompression),
            (request(Array(zstd.dropLast(1)), encoding: "zstd"), 400, .badCompression),
            (request(Self.body, encoding: "gzip"), 400, .badCompression),
            (request(gzip, encoding: "zstd"), 400, .badCompression),
            (request(gzip, encoding: "br"), 415, .unknownEncoding),
            (request(gzip, encoding: "gzip, gzip"), 415, .unknownEncoding),
            (request(try Gzip.compress([UInt8](repeating: 32, count: 65 << 20), level: 1)), 413, .decompressedTooLarge),
            (request(try Zstd.compress([UInt8](repeating: 32, count: 65 << 20))), 413, .decompressedTooLarge),
            (request([UInt8](repeating: 32, count: (10 << 20) + 1)), 413, .bodyTooLarge),
            (
                request(
                    Array("{\"events\":[0".utf8) + Array(repeating: [44, 48], count: 2_100_000).joined()
                ), 413, .tooManyValues
            ),
        ]
        let intake = intake()
        for (request, status, refusal) in cases {
            let answer = await intake.accept(request)
            #expect(answer.status == status, "\(refusal)")
            #expect(answer.refusal == refusal)
            #expect(answer.retryAfterSeconds == nil)
            let body = try JSONValue(parsing: answer.body)
            #expect(body["status"]?.integerValue == Int64(status))
            #expect(body["message"]?.stringValue?.isEmpty == false)
        }
        #expect(try await log.counts().batches == 0)
        #expect(intake.counts.refusedRequests.values.reduce(0, +) == Int64(cases.count))
    }

    @Test(arguments: [
        (EventLogError.Code.overloaded, IntakeRefusal.overloaded), (.full, .storageFull), (.storage, .storageFailed),
        (.unreplicated, .notReplicated), (.corrupt, .storageFailed),
    ])
    func `answers 503 and never 429 when the log cannot keep events`(
        code: EventLogError.Code,
        refusal: IntakeRefusal
    ) async throws {
        let intake = intake()
        log.fail(with: EventLogError(code, "test"))
        let answer = await intake.accept(request(Self.body))
        #expect(answer.status == 503)
        #expect(String(decoding: answer.body, as: UTF8.self) == #"{"success":false}"#)
        #expect(answer.retryAfterSeconds == (code == .full ? 30 : 5))
        #expect(answer.refusal == refusal)
        #expect(intake.counts.acceptedEvents == 0)
        log.fail(with: nil)
        #expect(await intake.accept(request(Self.body)).status == 202, "and goes on when it can")
    }

    @Test func `shows accepted events to who watches, and only those`() async throws {
        let intake = intake()
        _ = await intake.accept(request(Self.body))
        let subscription = try #require(intake.feed.subscribe())
        log.fail(with: EventLogError(.full, "test"))
        _ = await intake.accept(request(Self.body))
        log.fail(with: nil)
        _ = await intake.accept(request(Self.body))
        intake.feed.finish()
        var seen: [LiveEvent] = []
        for await event in subscription.events { seen.append(event) }
        #expect(seen.map(\.position) == [2, 2])
        #expect(seen.map(\.index) == [0, 1])
        #expect(seen.map(\.event.name) == ["purchase", "statsig::gate_exposure"])
    }
}
