// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import Testing

/// Rows IDL of the checklist.
@Suite("ID lists", .timeLimit(.minutes(5))) struct IDListTests {
    private static let document = TestDocument(
        extra: [
            "condition_map": [
                "listed": [
                    "type": "unit_id", "operator": "in_segment_list", "field": .null, "targetValue": "vips",
                    "idType": "userID",
                ]
            ],
            "feature_gates": [
                "vip": TestDocument.spec(
                    "feature_gate",
                    default: false,
                    rules: [TestDocument.rule("r", condition: "listed", returns: true)]
                )
            ],
            "dynamic_configs": [:], "layer_configs": [:],
        ])

    private func line(_ sign: String, _ id: String) -> String { sign + IDList.hash(of: id) + "\n" }

    private func entry(
        _ bench: Bench,
        size: Int,
        fileID: String = "f1",
        creationTime: Int64 = 1,
        path: String = "/list/vips"
    ) -> JSONValue {
        [
            "name": "vips", "fileID": .string(fileID), "size": .integer(size), "creationTime": .integer(creationTime),
            "url": .string(bench.server.url + path),
        ]
    }

    private func serve(_ bench: Bench, _ manifest: JSONObject) {
        bench.server.on(Bench.lists, .ok(JSONValue.object(manifest).text))
    }

    private func isVIP(_ id: String, _ client: FloodgateClient) -> Bool {
        client.checkGate("vip", for: FloodgateUser(userID: id))
    }

    /// A client that holds a list of "ana" and "ben".
    private func run(_ test: (Bench, FloodgateClient, Int) async throws -> Void) async throws {
        try await Bench.run(Self.document) { bench in
            let content = line("+", "ana") + line("+", "ben")
            serve(bench, ["vips": entry(bench, size: content.utf8.count)])
            bench.server.on("/list/vips", .ok(content))
            let client = bench.makeClient { $0.enableIDLists = true }
            let details = await client.initialize()
            #expect(details.areIDListsReady == true)
            try await test(bench, client, content.utf8.count)
            await client.shutdown()
        }
    }

    /// Lets the interval pass and waits until the lists were looked at.
    private func refresh(_ bench: Bench) async {
        await bench.clock.pass(.seconds(60))
        await bench.clock.isAsked(for: .seconds(60))
    }

    @Test(.rows("IDL-01")) func `asks for no list unless told so`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            #expect(await client.initialize().areIDListsReady == nil)
            #expect(bench.server.requests(Bench.lists).isEmpty)
            await client.shutdown()
        }
    }

    @Test(.rows("IDL-02, IDL-03, IDL-12, IDL-15")) func `loads lists before it is ready`() async throws {
        try await run { bench, client, size in
            #expect(isVIP("ana", client))
            #expect(isVIP("ben", client))
            #expect(!isVIP("cem", client))
            let manifest = try #require(bench.server.requests(Bench.lists).first)
            #expect(manifest.method == "POST")
            #expect(manifest.body.isEmpty)
            let file = try #require(bench.server.requests("/list").first)
            #expect(file.header("range") == "bytes=0-")
            #expect(file.header("statsig-id-list-file-size") == String(size))
        }
    }

    @Test(.rows("IDL-04, IDL-13")) func `reads what was appended`() async throws {
        try await run { bench, client, size in
            let more = line("-", "ben") + "\n+\n" + line("+", "cem")
            serve(bench, ["vips": entry(bench, size: size + more.utf8.count)])
            bench.server.on("/list/vips", .reply(status: 206, body: Array(more.utf8)))
            await refresh(bench)
            #expect(bench.server.requests("/list").last?.header("range") == "bytes=\(size)-")
            #expect(["ana", "ben", "cem"].map { isVIP($0, client) } == [true, false, true])
        }
    }

    @Test(.rows("IDL-05, IDL-06")) func `starts again with a new file and forgets a list that is gone`() async throws {
        try await run { bench, client, _ in
            let content = line("+", "dan")
            serve(bench, ["vips": entry(bench, size: content.utf8.count, fileID: "f2", creationTime: 2)])
            bench.server.on("/list/vips", .ok(content))
            await refresh(bench)
            #expect(["ana", "dan"].map { isVIP($0, client) } == [false, true])
            serve(bench, [:])
            await refresh(bench)
            #expect(!isVIP("dan", client))
        }
    }

    @Test(.rows("IDL-07, IDL-11")) func `asks for no file that has nothing new`() async throws {
        try await run { bench, client, size in
            await refresh(bench)
            serve(bench, ["vips": entry(bench, size: size + 100, fileID: "f0", creationTime: 0)])
            await refresh(bench)
            #expect(bench.server.requests("/list").count == 1)
            #expect(isVIP("ana", client))
        }
    }

    @Test(.rows("IDL-08")) func `keeps a list that cannot be read, and reads the others`() async throws {
        try await run { bench, client, size in
            bench.server.on("/list/vips", .status(500))
            bench.server.on("/list/more", .ok(line("+", "x")))
            serve(
                bench,
                ["vips": entry(bench, size: size + 100), "more": entry(bench, size: 10, path: "/list/more")]
            )
            await refresh(bench)
            #expect(isVIP("ana", client))
            #expect(bench.server.requests("/list/more").count == 1)
        }
    }

    @Test(.rows("IDL-09")) func `notices a server that does not know ranges`() async throws {
        try await run { bench, client, size in
            let content = line("+", "ana") + line("+", "cem") + line("+", "dan")
            serve(bench, ["vips": entry(bench, size: content.utf8.count)])
            bench.server.on("/list/vips", .ok(content))
            await refresh(bench)
            #expect(["ana", "ben", "cem", "dan"].map { isVIP($0, client) } == [true, false, true, true])
            await refresh(bench)
            #expect(bench.server.requests("/list").count == 2, "nothing is missing")
        }
    }

    @Test(.rows("IDL-10"), arguments: ["[]", "nonsense", #"{"vips":{"size":"x"}}"#, #"{"vips":{"size":5}}"#])
    func `ignores a manifest that is broken`(manifest: String) async throws {
        try await Bench.run(Self.document) { bench in
            bench.server.on(Bench.lists, .ok(manifest))
            let client = bench.makeClient { $0.enableIDLists = true }
            #expect(await client.initialize().isReady)
            #expect(bench.server.requests("/list").isEmpty)
            #expect(!isVIP("ana", client))
            await client.shutdown()
        }
    }

    @Test(.rows("IDL-08, FAI-03, FAI-04"), arguments: FailureTests.kinds)
    func `keeps a list when its file is no good`(kind: String, code: ClientError.Code) async throws {
        let hostile = try FailureTests.answer(kind)
        try await run { bench, client, size in
            let more = line("+", "cem")
            serve(bench, ["vips": entry(bench, size: size + more.utf8.count)])
            bench.server.on("/list/vips", hostile)
            await refresh(bench)
            #expect(["ana", "ben", "cem"].map { isVIP($0, client) } == [true, true, false])
            bench.server.on("/list/vips", .reply(status: 206, body: Array(more.utf8)))
            await refresh(bench)
            #expect(["ana", "ben", "cem"].map { isVIP($0, client) } == [true, true, true])
        }
    }

    @Test func `reads no list that would be too much with the others`() async throws {
        try await run { bench, client, size in
            serve(
                bench,
                ["vips": entry(bench, size: size), "more": entry(bench, size: 512 << 20, path: "/list/more")]
            )
            await refresh(bench)
            #expect(bench.server.requests("/list/more").isEmpty)
            #expect(isVIP("ana", client))
            serve(bench, ["more": entry(bench, size: 512 << 20, path: "/list/more")])
            await refresh(bench)
            #expect(bench.server.requests("/list/more").count == 1, "alone it is not too much")
        }
    }

    @Test func `sends the key to no other host`() async throws {
        try await ScriptedServer.run { other in
            other.on("/list", .ok("+12345678\n"))
            try await Bench.run(Self.document) { bench in
                serve(bench, ["vips": ["size": 10, "fileID": "f", "url": .string(other.url + "/list")]])
                let client = bench.makeClient { $0.enableIDLists = true }
                await client.initialize()
                #expect(other.requests("/list").count == 1)
                #expect(other.requests("/list").first?.header("statsig-api-key") == nil)
                await client.shutdown()
            }
        }
    }

    /// Lines of ten bytes, so many that they come in two parts, of which the first ends in the middle of a line.
    private static let long: [UInt8] = {
        var text = Array((0..<419_440).map { "+\(10_000_000 + $0)\n" }.joined().utf8)
        for (place, id) in [(0, "ana"), (419_430, "ben"), (419_439, "cem")] {
            text.replaceSubrange(place * 10 + 1..<place * 10 + 9, with: Array(IDList.hash(of: id).utf8))
        }
        return text
    }()

    /// Answers as a server that knows ranges, with no more than the manifest says.
    private static func part(_ request: ScriptedServer.Request, of content: [UInt8]) -> ScriptedServer.Answer {
        let bounds = (request.header("range") ?? "").dropFirst("bytes=".count).split(separator: "-").compactMap {
            Int($0)
        }
        guard let first = bounds.first, first < content.count else { return .status(416) }
        let last = min(bounds.count > 1 ? bounds[1] : content.count - 1, content.count - 1)
        return .reply(status: 206, body: Array(content[first...last]))
    }

    @Test func `reads a long list in parts, and goes on where it was interrupted`() async throws {
        try await run { bench, client, size in
            let content = Self.long
            serve(bench, ["vips": entry(bench, size: content.count, fileID: "f2", creationTime: 2)])
            bench.server.on("/list/vips") { request in
                request.header("range") == "bytes=0-4194303" ? Self.part(request, of: content) : .status(500)
            }
            await refresh(bench)
            #expect(["ana", "ben", "cem"].map { isVIP($0, client) } == [true, true, false], "the old list stays")
            bench.server.on("/list/vips") { Self.part($0, of: content) }
            await refresh(bench)
            #expect(["ana", "ben", "cem", "dan"].map { isVIP($0, client) } == [true, true, true, false])
            let ranges = bench.server.requests("/list").dropFirst().map { $0.header("range") }
            #expect(ranges == ["bytes=0-4194303", "bytes=4194304-", "bytes=4194304-"])

            let more = content + Array(line("-", "ben").utf8)
            serve(bench, ["vips": entry(bench, size: more.count, fileID: "f2", creationTime: 2)])
            bench.server.on("/list/vips") { Self.part($0, of: more) }
            await refresh(bench)
            #expect(bench.server.requests("/list").last?.header("range") == "bytes=\(content.count)-")
            #expect(["ana", "ben", "cem"].map { isVIP($0, client) } == [true, false, true])
        }
    }

    @Test func `reads a long list from a server that does not know ranges`() async throws {
        try await run { bench, client, size in
            serve(bench, ["vips": entry(bench, size: Self.long.count, fileID: "f2", creationTime: 2)])
            bench.server.on("/list/vips", .reply(status: 200, body: Self.long))
            await refresh(bench)
            #expect(["ana", "ben", "cem", "dan"].map { isVIP($0, client) } == [true, true, true, false])
            #expect(bench.server.requests("/list").count == 2)
        }
    }

    @Test func `forgets what has come of a file that another one has taken the place of`() async throws {
        try await run { bench, client, size in
            serve(bench, ["vips": entry(bench, size: Self.long.count, fileID: "f2", creationTime: 2)])
            bench.server.on("/list/vips") { request in
                request.header("range") == "bytes=0-4194303" ? Self.part(request, of: Self.long) : .status(500)
            }
            await refresh(bench)
            let content = Array(line("+", "dan").utf8)
            serve(bench, ["vips": entry(bench, size: content.count, fileID: "f3", creationTime: 3)])
            bench.server.on("/list/vips") { Self.part($0, of: content) }
            await refresh(bench)
            #expect(["ana", "ben", "cem", "dan"].map { isVIP($0, client) } == [false, false, false, true])
        }
    }
}
