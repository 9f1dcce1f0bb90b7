// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import FoundationEssentials
import Testing

/// Starts from files: the last good document, and file mode.
@Suite("Files", .timeLimit(.minutes(5))) struct SpecFileTests {
    let user = FloodgateUser(userID: "u1")

    private func withFolder(_ test: (String) async throws -> Void) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "floodgate-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try await test(folder.path())
    }

    @Test(.rows("FAI-09")) func `answers from the last good document when the server is gone`() async throws {
        try await withFolder { folder in
            try await Bench.run { bench in
                let first = bench.makeClient { $0.cacheFolder = folder }
                await first.initialize()
                await bench.clock.isAsked(for: .seconds(10))
                await first.shutdown()
                await bench.server.close()

                let second = bench.makeClient { $0.cacheFolder = folder }
                let details = await second.initialize()
                #expect(details.isReady)
                #expect(details.source == .file)
                #expect(second.gate("open", for: user).value)
                #expect(second.gate("open", for: user).details.reason.wireName == "Adapter(FileBased):Recognized")
                await second.shutdown()

                let other = bench.makeClient(key: "secret-other") { $0.cacheFolder = folder }
                #expect(await !other.initialize().isReady, "another key's document")
                await other.shutdown()
            }
        }
    }

    @Test func `asks the server behind what the disk answers`() async throws {
        try await withFolder { folder in
            try await Bench.run { bench in
                let first = bench.makeClient { $0.cacheFolder = folder }
                await first.initialize()
                await bench.clock.isAsked(for: .seconds(10))
                await first.shutdown()

                bench.server.on(Bench.specs, .later(.ok(TestDocument(checksum: "2", gates: ["new": true]).text)))
                let second = bench.makeClient { $0.cacheFolder = folder }
                #expect(await second.initialize().source == .file)
                #expect(!second.checkGate("new", for: user))
                let request = await bench.server.requests(Bench.specs, count: 2).last
                #expect(request?.uri.hasSuffix("?sinceTime=1750000000000&checksum=1") == true)
                bench.server.release()
                await bench.clock.isAsked(for: .seconds(10))
                #expect(second.checkGate("new", for: user))
                await second.shutdown()
            }
        }
    }

    @Test(.rows("FAI-09, STO-10"), arguments: ["broken", "unwritable", "read-only"])
    func `goes on when the folder is no good`(kind: String) async throws {
        try await withFolder { folder in
            try await Bench.run { bench in
                let path = ["unwritable": "/dev/null/folder", "read-only": "/proc"][kind] ?? folder
                let first = bench.makeClient { $0.cacheFolder = path }
                #expect(await first.initialize().isReady)
                await bench.clock.isAsked(for: .seconds(10))
                await first.shutdown()
                if kind == "broken" {
                    let files = try FileManager.default.contentsOfDirectory(atPath: folder)
                    #expect(files.count == 1)
                    for file in files { try Data("{".utf8).write(to: URL(filePath: "\(folder)/\(file)")) }
                }
                let second = bench.makeClient { $0.cacheFolder = path }
                #expect(await second.initialize().source == .network)
                await second.shutdown()
            }
        }
    }

    @Test func `follows a file instead of the server`() async throws {
        try await withFolder { folder in
            try await Bench.run { bench in
                try FileManager.default.createDirectory(
                    at: URL(filePath: folder),
                    withIntermediateDirectories: true
                )
                let path = "\(folder)/specs.json"
                try Data(TestDocument().bytes).write(to: URL(filePath: path))
                let client = bench.makeClient { $0.file = path }
                let details = await client.initialize()
                #expect(details.isReady)
                #expect(details.source == .file)
                try Data(TestDocument(checksum: "2", gates: ["new": true]).bytes).write(to: URL(filePath: path))
                await bench.poll()
                #expect(client.checkGate("new", for: user))
                #expect(bench.server.requests(Bench.specs).isEmpty)
                await client.shutdown()
            }
        }
    }

    @Test(.rows("FAI-09")) func `goes on when the folder becomes a file`() async throws {
        try await withFolder { folder in
            try await Bench.run { bench in
                let log = RecordingLog()
                let client = bench.makeClient {
                    $0.cacheFolder = folder
                    $0.spillsEvents = true
                    $0.logger = log.logger
                }
                await client.initialize()
                await bench.clock.isAsked(for: .seconds(10))
                try FileManager.default.removeItem(atPath: folder)
                try Data("x".utf8).write(to: URL(filePath: folder))
                bench.server.on(Bench.specs, .ok(TestDocument(checksum: "2", gates: ["new": true]).text))
                bench.server.on(Bench.events, .status(503))
                await bench.poll()
                #expect(client.specsStatus.checksum == "2")
                #expect(log.lines.contains { $0.contains("was not kept") })
                client.logEvent("e", for: user)
                await client.shutdown()
                #expect(client.eventStatistics.dropped == [.shutdown: 1])
                #expect(try Data(contentsOf: URL(filePath: folder)) == Data("x".utf8))
            }
        }
    }

    @Test func `waits only so long for a disk that hangs`() async throws {
        try await withFolder { folder in
            try await Bench.run { bench in
                let first = bench.makeClient { $0.cacheFolder = folder }
                await first.initialize()
                await bench.clock.isAsked(for: .seconds(10))
                await first.shutdown()
                let file = try #require(try FileManager.default.contentsOfDirectory(atPath: folder).first)
                let pipe = try Pipe(inPlaceOf: "\(folder)/\(file)")

                let second = bench.makeClient { $0.cacheFolder = folder }
                async let details = second.initialize()
                await bench.clock.pass(.seconds(2))
                #expect(await details.source == .network)
                // What follows does not wait for the disk at all.
                bench.server.on(Bench.specs, .ok(TestDocument(checksum: "2", gates: ["new": true]).text))
                await bench.poll()
                #expect(second.checkGate("new", for: user))
                await second.shutdown()
                await pipe.endReading()
            }
        }
    }

    @Test func `reads no file without end`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient { $0.file = "/dev/zero" }
            #expect(await client.initialize().failure?.code == .file)
            await client.shutdown()
        }
    }

    @Test func `says which file it could not read`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient { $0.file = "/does/not/exist.json" }
            let details = await client.initialize()
            #expect(details.source == .noValues)
            #expect(details.failure?.code == .file)
            #expect(details.failure?.message.contains("/does/not/exist.json") == true)
            await client.shutdown()
        }
    }
}
