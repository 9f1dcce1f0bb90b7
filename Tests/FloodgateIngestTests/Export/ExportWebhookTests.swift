// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateIngest
import FloodgateJSON
import FloodgateWarehouse
import Foundation
import Synchronization
import Testing

@Suite("Webhook") struct ExportWebhookTests {
    /// Answers with what it is told to, and then with 202.
    private final class Receiver: WebhookSender {
        struct State {
            /// Nil stands for no answer.
            var answers: [Int?] = []
            var posts: [WebhookPost] = []
        }

        struct Unreachable: Error {}

        let state = Mutex(State())
        var posts: [WebhookPost] { state.withLock { $0.posts } }

        func answer(_ answers: [Int?]) { state.withLock { $0.answers = answers } }

        func send(_ post: WebhookPost) async throws -> Int {
            let answer = state.withLock { state in
                state.posts.append(post)
                return state.answers.isEmpty ? 202 : state.answers.removeFirst()
            }
            guard let answer else { throw Unreachable() }
            return answer
        }

        /// The events of all posts, or of one.
        func events(_ number: Int? = nil) throws -> [JSONObject] {
            try (number.map { [posts[$0]] } ?? posts).flatMap { post in
                let body = try #require(try JSONValue(parsing: post.body).objectValue)
                return try #require(body["data"]?.arrayValue).compactMap(\.objectValue)
            }
        }

        func names(_ number: Int? = nil) throws -> [String] {
            try events(number).compactMap { $0["metadata"]?.objectValue?.text("gate") ?? $0.text("eventName") }
        }
    }

    private let scene: ExportScene
    private let receiver = Receiver()

    init() throws { scene = try ExportScene() }

    private func webhook(
        filter: String = "",
        volume: any ExportVolume = DiskVolume(),
        logEnd: Int64 = .max,
        _ change: (inout WebhookOptions) -> Void = { _ in }
    ) throws -> EventWebhook {
        var options = WebhookOptions(node: "node-1")
        change(&options)
        return try EventWebhook(
            log: scene.log,
            settings: WebhookSettings(url: "https://example.com/h", secret: "whsec_7a1f", filter: filter),
            options: options,
            cursor: scene.plan,
            logEnd: logEnd,
            sender: receiver,
            volume: volume,
            logger: ExportScene.logger,
            now: { [scene] in scene.clock.withLock { $0 } },
            pause: { _ in },
            jitter: { 0.5 }
        )
    }

    /// Steps until there is nothing to do although all that waits is old.
    private func drain(_ webhook: EventWebhook) async {
        for _ in 0..<1_000 {
            guard await webhook.step() == .waiting else { continue }
            scene.pass(1_000)
            if await webhook.step() == .waiting { return }
        }
    }

    @Test func `posts events in the shape that receivers know`() async throws {
        let user: JSONObject = ["userID": "u1", "customIDs": ["companyID": "c1"]]
        let event = Event(
            name: "purchase",
            time: 1_750_000_000_000,
            user: user,
            value: 9.5,
            metadata: ["sku": "s"],
            statsigMetadata: ["samplingRate": 3]
        )
        let bare = Event(name: "bare", time: 1_750_000_000_001)
        let batch = try LoggedBatch(
            packing: EventBatch(events: [event, bare], statsigMetadata: ["sdkType": "test", "samplingRate": 1]),
            receivedAt: ExportScene.afternoon,
            environment: "production",
            keyKind: "server"
        )
        _ = try await scene.log.append(batch)
        await drain(try webhook())
        let events = try receiver.events()
        await scene.drain(try scene.exporter { $0.node = "files" })
        let ids = try scene.rows(.events).map { $0["id"] }
        let expected: JSONObject = [
            "eventName": "purchase", "user": .object(user), "userID": "u1", "timestamp": 1_750_000_000_000,
            "value": 9.5,
            "metadata": ["sku": "s"], "statsigMetadata": ["sdkType": "test", "samplingRate": 3],
            "timeUUID": try #require(ids[0]), "unitID": "u1", "environment": "production",
        ]
        #expect(events[0] == expected)
        #expect(events[1].names == expected.names)
        #expect(events[1]["timeUUID"] == ids[1] && events[1]["userID"] == .null && events[1]["unitID"] == .null)
        #expect(events[1]["value"] == .null && events[1]["user"] == [:] && events[1]["metadata"] == [:])
    }

    // Vectors by Python's hmac: hmac.new(secret, b"v0:TIMESTAMP:" + body, hashlib.sha256).hexdigest().
    @Test func `signs as receivers check it`() async throws {
        let body = #"{"data":[{"eventName":"purchase","timeUUID":"0b8c6d5e-0000-4000-8000-000000000001"}]}"#
        #expect(
            WebhookSignature.of(Array(body.utf8), at: 1_750_000_020_000, secret: "whsec_7a1f")
                == "v0=fddaa9aeb605d9346cecfe1eeb5f05681501571997f446e0009401e970a92535"
        )
        let long = String(repeating: "k", count: 100)
        #expect(
            WebhookSignature.of(Array(#"{"data":[]}"#.utf8), at: 0, secret: long)
                == "v0=7fad6535cd11c91b4e9147e1a7eb86916d4769d3269ec072d83b06cc8c5ebcb5"
        )
        try await scene.append(["e1"])
        receiver.answer([500])
        let webhook = try webhook()
        _ = await webhook.step()
        for _ in 0..<3 {
            scene.pass(1_000)
            _ = await webhook.step()
        }
        let times = receiver.posts.map { $0.headers["X-Statsig-Request-Timestamp"] }
        let tries: [Int64] = [2_000, 3_000]
        #expect(times == tries.map { "\(ExportScene.afternoon + $0)" }, "each try says when it is")
        for (post, time) in zip(receiver.posts, times) {
            let time = try #require(time.flatMap { Int64($0) })
            #expect(
                post.headers["X-Statsig-Signature"] == WebhookSignature.of(post.body, at: time, secret: "whsec_7a1f")
            )
            #expect(post.headers["Content-Type"] == "application/json" && post.url == "https://example.com/h")
        }
    }

    @Test(arguments: [
        (
            [UInt8](repeating: 0x0B, count: 20), "Hi There",
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        ),
        (
            Array("Jefe".utf8), "what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ),
        (
            [UInt8](repeating: 0xAA, count: 131), "Test Using Larger Than Block-Size Key - Hash Key First",
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        ),
    ])
    func `computes what RFC 4231 says`(key: [UInt8], message: String, code: String) {
        let made = WebhookSignature.hmac(Array(message.utf8), key: key)
        #expect(made.map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined() == code)
    }

    @Test func `posts all events in order, so many at a time`() async throws {
        for start in 0..<4 { try await scene.append((0..<7).map { "e\(start)\($0)" }) }
        let webhook = try webhook { $0.events = 5 }
        await drain(webhook)
        #expect(try receiver.names() == (0..<4).flatMap { start in (0..<7).map { "e\(start)\($0)" } })
        #expect(try receiver.posts.indices.map { try receiver.events($0).count } == [5, 5, 5, 5, 5, 3])
        #expect(webhook.position == 4)
        let report = await webhook.report
        #expect(report.posts == 6 && report.events == 28 && report.waitingSince == nil)
        #expect(report.place == LogCursor(behind: 4))
    }

    @Test func `begins another post when one is large, and takes an event that is larger`() async throws {
        try await scene.append(["e1", "e2", "e3"])
        await drain(try webhook { $0.sizeBytes = 1 })
        #expect(try receiver.posts.indices.map { try receiver.names($0) } == [["e1"], ["e2"], ["e3"]])
    }

    @Test func `waits a second for more events`() async throws {
        try await scene.append(["e1"])
        let webhook = try webhook()
        #expect(await webhook.step() == .moved)
        scene.pass(999)
        #expect(await webhook.step() == .waiting)
        try await scene.append(["e2"])
        #expect(await webhook.step() == .moved)
        #expect(await webhook.report.waitingSince == ExportScene.afternoon)
        #expect(receiver.posts.isEmpty && webhook.position == 0)
        scene.pass(1)
        #expect(await webhook.step() == .moved)
        #expect(await webhook.step() == .moved)
        #expect(try receiver.names() == ["e1", "e2"])
        #expect(webhook.position == 2)
    }

    @Test func `tries until it is taken, less and less often`() async throws {
        try await scene.append(["e1"])
        let answers = [nil, 500, 503, 429, 408, 302, nil, nil, nil, nil, 500, 500]
        receiver.answer(answers)
        let webhook = try webhook()
        _ = await webhook.step()
        scene.pass(1_000)
        _ = await webhook.step()
        var pauses: [Duration] = []
        for _ in answers {
            if case .failed(let pause) = await webhook.step() { pauses.append(pause) }
            #expect(webhook.position == 0)
        }
        #expect(pauses.count == answers.count)
        #expect(pauses.prefix(3) == [.milliseconds(500), .seconds(1), .seconds(2)] && pauses.last == .seconds(30))
        #expect(await webhook.report.failures == ["unreachable": 5, "500": 3, "503": 1, "429": 1, "408": 1, "302": 1])
        #expect(await webhook.step() == .moved)
        #expect(webhook.position == 1)
        #expect(Set(receiver.posts.map(\.body)).count == 1)
        #expect(await webhook.report.lastError == nil)
    }

    @Test func `leaves out what is refused five times, and goes on`() async throws {
        try await scene.append(["e1", "e2"])
        try await scene.append(["e3"])
        receiver.answer([400, 400, nil, 413, 422, 500, 400])
        let webhook = try webhook { $0.events = 2 }
        await drain(webhook)
        #expect(receiver.posts.count == 8)
        #expect(try receiver.names(6) == ["e1", "e2"])
        #expect(try receiver.names(7) == ["e3"])
        let report = await webhook.report
        #expect(report.refusedPosts == 1 && report.refusedEvents == 2 && report.posts == 1 && report.events == 1)
        #expect(webhook.position == 2)
    }

    @Test func `goes on in the middle of a batch after a restart`() async throws {
        try await scene.append((0..<7).map { "e\($0)" })
        let first = try webhook { $0.events = 3 }
        while await first.report.posts < 2 { _ = await first.step() }
        #expect(await first.report.place == LogCursor(position: 1, number: 6))
        #expect(first.position == 0, "the batch is needed again")
        let second = try webhook { $0.events = 3 }
        #expect(second.position == 0)
        await drain(second)
        #expect(try receiver.names() == (0..<7).map { "e\($0)" })
        #expect(second.position == 1)
    }

    @Test func `posts again what was not answered before a kill, with the same ids`() async throws {
        try await scene.append(["e1", "e2"])
        let volume = TroubledVolume()
        volume.change { $0.lastOperation = 1 }
        let first = try webhook(volume: volume)
        _ = await first.step()
        scene.pass(1_000)
        for _ in 0..<3 { _ = await first.step() }
        #expect(receiver.posts.count == 1 && first.position == 0)
        await drain(try webhook())
        #expect(receiver.posts.count == 2)
        #expect(try receiver.events(0) == receiver.events(1))
    }

    @Test func `does not post again while the cursor cannot be kept`() async throws {
        try await scene.append(["e1"])
        let volume = TroubledVolume()
        volume.change { $0.fullAppends = 3 }
        let webhook = try webhook(volume: volume)
        await drain(webhook)
        #expect(receiver.posts.count == 1)
        #expect(await webhook.report.failures == ["full": 3])
        #expect(webhook.position == 1)
    }

    @Test func `posts only what the filter lets through, and passes over the rest`() async throws {
        for start in 0..<3 { try await scene.append(["e\(start)", "gate\(start)"]) }
        let webhook = try webhook(filter: "gate=gate1")
        await drain(webhook)
        #expect(try receiver.names() == ["gate1"])
        #expect(webhook.position == 3)
        let nothing = try self.webhook(filter: "gate=none")
        try await scene.append(["e4"])
        await drain(nothing)
        #expect(receiver.posts.count == 1)
        #expect(nothing.position == 4, "the log need not be kept for it")
    }

    @Test func `writes names out that clients only know hashed`() async throws {
        try await scene.append(["gate1"])
        let webhook = try webhook(filter: "gate=new_checkout")
        await webhook.rename(["gate1": "new_checkout"])
        await drain(webhook)
        #expect(try receiver.names() == ["new_checkout"])
    }

    @Test func `passes over a batch that cannot be read`() async throws {
        try await scene.append(["e1"])
        try await scene.appendCorrupt()
        try await scene.append(["e2"])
        let webhook = try webhook()
        await drain(webhook)
        #expect(try receiver.names() == ["e1", "e2"])
        #expect(await webhook.report.corruptBatches == 1)
    }

    @Test(arguments: [
        "{", #"{"node":"other","position":7,"number":0}"#, #"{"node":"node-1","position":-7,"number":0}"#,
    ])
    func `posts all of a log that the cursor is not of`(cursor: String) async throws {
        try Data(cursor.utf8).write(to: URL(fileURLWithPath: scene.plan))
        try await scene.append(["e1"])
        let webhook = try webhook()
        #expect(webhook.position == 0)
        await drain(webhook)
        #expect(try receiver.names() == ["e1"])
    }

    @Test(arguments: [(8, 0, 7), (8, 3, 8)])
    func `posts all of a log that ends before the cursor`(position: Int64, number: Int, last: Int64) async throws {
        let cursor = #"{"node":"node-1","position":\#(position),"number":\#(number)}"#
        try Data(cursor.utf8).write(to: URL(fileURLWithPath: scene.plan))
        #expect(try webhook(logEnd: last).position == position - 1)
        #expect(try webhook(logEnd: last - 1).position == 0)
        try await scene.append(["e1"])
        await drain(try webhook(logEnd: last - 1))
        #expect(try receiver.names() == ["e1"])
    }
}
