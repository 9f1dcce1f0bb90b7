// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import Foundation
import Testing

extension EndToEnd {
    /// ID lists from the command line through server and edge.
    @Suite("ID lists", .serialized) struct IDListTests {
        /// What somebody who asks for lists knows of one.
        private struct Reader {
            let server: RunningServer
            let key: String

            func entry() async throws -> JSONValue? {
                let answer = try await HTTP.send(
                    "POST",
                    server.url + "/v1/get_id_lists",
                    ["statsig-api-key": key]
                )
                return answer.json?["vips"]
            }

            func size() async -> Int64? { (try? await entry())?["size"]?.integerValue }

            func content(from offset: Int64 = 0) async throws -> String {
                let id = try await entry()?["fileID"]?.stringValue ?? ""
                return try await HTTP.send(
                    "GET",
                    "\(server.url)/v1/download_id_list_file/\(id)",
                    ["statsig-api-key": key, "range": "bytes=\(offset)-"]
                ).text
            }
        }

        @Test func `grow by a line, are written anew when it is worth it, and are the same at an edge`() async throws {
            let server = try await RunningServer.start()
            let edgeKey = try await Program.text("keys", "create", "edge", "--data", server.data)
            let root = try await Program.text("signing", "show", "--data", server.data).split(separator: "\n")
                .first { $0.hasPrefix("Root key") }?.split(separator: " ").last.map(String.init)
            let arguments = ["--upstream", server.url, "--key", edgeKey, "--root-key", try #require(root)]
            let edge = try await RunningServer.start(command: "edge", arguments: arguments)
            let key = try await server.key("server")
            let readers = [Reader(server: server, key: key), Reader(server: edge, key: key)]

            let many = (0..<100_000).map { "u\($0)\n" }.joined()
            let made = try await Program.floodgate(
                "list",
                "create",
                "vips",
                "--file",
                "-",
                "--data",
                server.data,
                input: "\n  \n" + many + "u7\r\n"
            )
            #expect(made.status == 0 && made.output == "vips is made, with 100000 units\n", "\(made)")
            for reader in readers { #expect(await eventually(within: 20) { await reader.size() == 1_000_000 }) }
            let fileID = try await readers[0].entry()?["fileID"]
            #expect(try await readers[1].entry()?["fileID"] == fileID)

            let added = try await Program.text("list", "add", "vips", "new", "u3", "--data", server.data)
            #expect(added == "vips has 100001 units, 1 of them new")
            for reader in readers {
                #expect(await eventually(within: 20) { await reader.size() == 1_000_010 })
                let news = try await reader.content(from: 1_000_000)
                #expect(news.hasPrefix("+") && news.utf8.count == 10, "nothing else is sent")
            }
            let show = try await Program.text("list", "show", "vips", "new", "old", "--json", "--data", server.data)
            let shown = try JSONValue(parsing: Array(show.utf8))
            #expect(shown["members"] == 100_001 && shown["units"] == ["new": true, "old": false])

            let gone = (0..<60_000).map { "u\($0)\n" }.joined()
            let file = server.folder.path + "/gone"
            try Data(gone.utf8).write(to: URL(fileURLWithPath: file))
            let removed = try await Program.text("list", "remove", "vips", "--file", file, "--data", server.data)
            #expect(removed == "vips has 40001 units, 60000 went; its file was written anew")
            for reader in readers { #expect(await eventually(within: 20) { await reader.size() == 400_010 }) }
            let anew = try await readers[0].entry()
            #expect(anew?["fileID"] != fileID)
            #expect(try await readers[0].content() == readers[1].content())

            // The edge has it on its disk, with nobody to ask.
            #expect(await edge.keeps(stateOf: server, key: edgeKey))
            #expect(await server.stop() == 0)
            await edge.killHard()
            let again = try await RunningServer.start(in: edge.folder, command: "edge", arguments: arguments)
            let reader = Reader(server: again, key: key)
            #expect(await reader.size() == 400_010)
            #expect(try await reader.content(from: 400_000).utf8.count == 10)
            #expect(await again.stop() == 0)
        }

        @Test func `say what is wrong`() async throws {
            let server = try await RunningServer.start()
            let data = ["--data", server.data]
            for (arguments, status) in [
                (["list", "add", "beta_tester", "u1"], 1), (["list", "create", "beta_testers"], 65),
                (["list", "add", "beta_testers"], 64), (["list", "add", "beta_testers", "--file", "/none"], 66),
            ] as [([String], Int32)] {
                let outcome = try await Program.run(try Program.floodgate(), arguments + data)
                #expect(outcome.status == status, "\(outcome)")
            }
            let lists = try await Program.text("list", "ls", "--data", server.data).split(separator: "\n")
            #expect(lists.first?.split(separator: " ") == ["NAME", "MEMBERS", "LINES", "BYTES"])
            #expect(lists.last?.split(separator: " ") == ["beta_testers", "20", "20", "200"])
            #expect(await server.stop() == 0)
        }
    }
}
