// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import FoundationEssentials
import Testing

/// Documents from a folder, and ID lists from a mirror.
@Suite("Other sources", .timeLimit(.minutes(5))) struct OtherSourceTests {
    let user = FloodgateUser(userID: "u1")

    private func withFolder(_ test: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "floodgate-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        try await test(folder.path())
    }

    @Test(.rows("STO-12")) func `keep what the network brought for a start without it`() async throws {
        try await withFolder { folder in
            try await Bench.run { bench in
                let online = bench.makeClient { $0.cacheFolder = folder }
                await online.initialize()
                await bench.clock.isAsked(for: .seconds(10))
                bench.server.on(Bench.specs, .ok(TestDocument(checksum: "2", gates: ["new": true]).text))
                await bench.poll()
                await online.shutdown()
                let offline = bench.makeClient {
                    $0.cacheFolder = folder
                    $0.disableNetwork = true
                }
                #expect(await offline.initialize().source == .file)
                #expect(offline.gate("new", for: user).details.reason.wireName == "Adapter(FileBased):Recognized")
                await offline.shutdown()
            }
        }
    }

    @Test(.rows("STO-12")) func `of one checksum are one document`() async throws {
        try await withFolder { folder in
            try await Bench.run { bench in
                let path = "\(folder)/specs.json"
                func write(_ document: TestDocument) throws { try Data(document.bytes).write(to: URL(filePath: path)) }
                try write(TestDocument(checksum: "1", gates: ["open": true]))
                let client = bench.makeClient { $0.file = path }
                await client.initialize()
                try write(TestDocument(checksum: "1", gates: ["open": false]))
                await bench.poll()
                #expect(client.checkGate("open", for: user))
                try write(TestDocument(checksum: "2", gates: ["open": false]))
                await bench.poll()
                #expect(!client.checkGate("open", for: user))
                await client.shutdown()
            }
        }
    }

    @Test(.rows("IDL-14"), arguments: ["", "/", "/some/path?x=1"])
    func `of ID lists take the place of scheme and host alone`(rest: String) async throws {
        try await ScriptedServer.run { mirror in
            mirror.on("/files", .ok("+12345678\n"))
            try await Bench.run { bench in
                let manifest: JSONValue = [
                    "vips": ["size": 10, "fileID": "f", "url": "https://lists.invalid:8443/files/vips?sig=a%2Fb#c"]
                ]
                bench.server.on(Bench.lists, .ok(manifest.text))
                let client = bench.makeClient {
                    $0.enableIDLists = true
                    $0.idListFilesURL = mirror.url + rest
                }
                #expect(await client.initialize().areIDListsReady == true)
                let request = try #require(mirror.requests("/files").first)
                #expect(request.uri == "/files/vips?sig=a%2Fb")
                #expect(request.header("range") == "bytes=0-")
                #expect(request.header("statsig-api-key") == Bench.key)
                await client.shutdown()
            }
        }
    }
}
