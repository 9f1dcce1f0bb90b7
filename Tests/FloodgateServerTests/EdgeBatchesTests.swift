// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateIngest
import FloodgateServer
import FoundationEssentials
import HTTPTypes
import Testing

@Suite("Batches of edges") struct EdgeBatchesTests {
    @Test func `are new once, and kept from then on`() {
        let batches = EdgeBatches(folder: nil)
        #expect(batches.begin(7, of: "a", in: "production") == .new)
        #expect(batches.begin(7, of: "a", in: "production") == .underWay)
        batches.end(7, of: "a", in: "production", isKept: false)
        #expect(batches.begin(7, of: "a", in: "production") == .new, "it was not kept")
        batches.end(7, of: "a", in: "production", isKept: true)
        #expect(batches.begin(7, of: "a", in: "production") == .kept)
        #expect(batches.begin(6, of: "a", in: "production") == .kept)
        #expect(batches.begin(8, of: "a", in: "production") == .new)
        #expect(batches.begin(7, of: "b", in: "production") == .new)
        #expect(batches.begin(7, of: "a", in: "staging") == .new)
    }

    @Test func `are known after a restart`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "floodgate-\(UUID().uuidString)").path()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let before = EdgeBatches(folder: folder)
        _ = before.begin(7, of: "../a", in: "production")
        before.end(7, of: "../a", in: "production", isKept: true)
        let after = EdgeBatches(folder: folder)
        #expect(after.begin(7, of: "../a", in: "production") == .kept)
        #expect(after.begin(8, of: "../a", in: "production") == .new)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 1)
    }

    @Test func `of many edges cost no more than those of some thousand`() throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "floodgate-\(UUID().uuidString)").path()
        defer { try? FileManager.default.removeItem(atPath: folder) }
        let batches = EdgeBatches(folder: folder)
        for number in 0..<4_200 {
            _ = batches.begin(1, of: "edge \(number)", in: "production")
            batches.end(1, of: "edge \(number)", in: "production", isKept: true)
        }
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 4_096)
        for number in 0..<100 {
            try Data("{}".utf8).write(to: URL(filePath: "\(folder)/left over \(number)"))
        }
        _ = EdgeBatches(folder: folder)
        #expect(try FileManager.default.contentsOfDirectory(atPath: folder).count == 4_096, "over restarts, too")
        #expect(batches.begin(1, of: "edge 4199", in: "production") == .kept)
        #expect(batches.begin(1, of: "edge 0", in: "production") == .new)
    }

    @Test func `are acknowledged again and kept once when the answer was lost`() async throws {
        let server = try await TestServer()
        let change = Change(actor: "test")
        let key = try await server.server.control.createKey(.edge, environment: "production", by: change).text
        try await server.publish()
        let field = try #require(HTTPField.Name("floodgate-batch"))
        let body = #"{"events":[{"eventName":"e","time":1750000361000,"user":{"userID":"u"}}]}"#
        func send(_ id: Int, from edge: String) async throws -> TestResponse {
            try await server.send(
                .post,
                "/edge/v1/events",
                headers: [
                    .sdkKey: key, .contentType: "application/json",
                    field: #"{"key_kind":"server","received_at":1750000361000,"edge":"\#(edge)","id":\#(id)}"#,
                ],
                body: body
            )
        }
        for (id, edge, kept) in [(1, "a", 1), (1, "a", 1), (2, "a", 2), (1, "b", 3), (2, "a", 3)] {
            #expect(try await send(id, from: edge).status == .accepted)
            #expect(try await server.log.read(after: 0, limit: 10).count == kept)
        }
    }
}
