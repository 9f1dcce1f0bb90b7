// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateJSON
import Testing

/// What results say of themselves, and what the document says of experiments.
@Suite("Results", .timeLimit(.minutes(5))) struct ResultTests {
    let user = FloodgateUser(userID: "u1")

    private func offline(_ document: TestDocument = TestDocument()) async -> FloodgateClient {
        var options = FloodgateClient.Options()
        options.bootstrap = document.bytes
        options.disableNetwork = true
        let client = FloodgateClient(key: "secret-x", options: options, timing: ManualClock().timing)
        await client.initialize()
        return client
    }

    private static let details = #"""
        {"reason":"Bootstrap:Recognized","lcut":1750000000000,"received_at":1750000000000,"version":3}
        """#

    private func text(_ object: JSONObject) -> String { JSONValue.object(object).text }

    @Test(.rows("EVA-15")) func `come as JSON with the same members in the same order`() async throws {
        let client = await offline()
        #expect(
            text(client.gate("open", for: user).json)
                == #"{"name":"open","rule_id":"rule_open","id_type":"userID","details":\#(Self.details),"value":true}"#
        )
        #expect(
            text(client.experiment("experiment", for: user).json)
                == #"{"name":"experiment","rule_id":"group_a","id_type":"userID","details":\#(Self.details),"#
                + #""value":{"copy":"short"},"group_name":"Short"}"#
        )
        #expect(
            text(client.layer("layer", for: user).json)
                == #"{"name":"layer","rule_id":"group_d","id_type":"userID","details":\#(Self.details),"#
                + #""value":{"copy":"brief","rows":4},"group_name":"Brief","allocated_experiment_name":"delegate"}"#
        )
        let config = client.dynamicConfig("config", for: user)
        #expect(config.json["value"]?.objectValue == config.value)
        #expect(config.json.names == ["name", "rule_id", "id_type", "details", "value"])
        // Nothing is left out where there is nothing to say.
        #expect(client.gate("none", for: user).json.names == client.gate("open", for: user).json.names)
        #expect(client.layer("none", for: user).json["allocated_experiment_name"] == .null)
        #expect(client.gate("none", for: user).json["details"]?["version"] == .null)
    }

    @Test func `of layers log no exposure by becoming JSON`() async throws {
        try await Bench.run { bench in
            let client = bench.makeClient()
            await client.initialize()
            _ = client.layer("layer", for: user).json
            await client.flush()
            #expect(bench.server.events.isEmpty)
            await client.shutdown()
        }
    }

    @Test(.rows("EVA-10")) func `of one group are those that its users get`() async {
        let client = await offline()
        let short = client.experiment("experiment", group: "Short")
        #expect(short.value == ["copy": "short"])
        #expect(short.ruleID == "group_a")
        #expect(short.groupName == "Short")
        #expect(short.idType == "userID")
        #expect(short.details.reason.wireName == "Bootstrap:Recognized")
        for (name, group) in [("experiment", "short"), ("experiment", ""), ("none", "Short"), ("config", "Short")] {
            let unknown = client.experiment(name, group: group)
            #expect(unknown.details.reason.wireName == "Bootstrap:Unrecognized")
            #expect(unknown.value.isEmpty)
            #expect(unknown.ruleID == "")
            #expect(unknown.groupName == nil)
        }
        let early = FloodgateClient(key: "secret-x")
        #expect(early.experiment("experiment", group: "Short").details.reason.wireName == "Uninitialized")
    }

    @Test(.rows("EVA-11")) func `of all groups are listed, running or not`() async throws {
        var document = TestDocument()
        var configs = try #require(document.value["dynamic_configs"]?.objectValue)
        configs["ended"] = TestDocument.spec(
            "experiment",
            default: [:],
            rules: [
                TestDocument.rule("targeting", condition: "public", returns: [:], percentage: 0),
                TestDocument.rule("e1", condition: "public", returns: ["copy": "x"], groupName: "One"),
                TestDocument.rule("e2", condition: "public", returns: ["copy": "y"], groupName: "Two"),
            ],
            ["isActive": false]
        )
        document.extra = ["dynamic_configs": .object(configs)]
        let client = await offline(document)
        let running = try #require(client.experimentGroups("experiment"))
        #expect(running.isActive)
        #expect(running.idType == "userID")
        #expect(running.groups.map(\.name) == ["Short"])
        let ended = try #require(client.experimentGroups("ended"))
        #expect(!ended.isActive)
        #expect(ended.groups.map(\.name) == ["One", "Two"])
        #expect(ended.groups.map(\.ruleID) == ["e1", "e2"])
        #expect(ended.groups.map(\.value) == [["copy": "x"], ["copy": "y"]])
        #expect(client.experimentGroups("config") == nil)
        #expect(client.experimentGroups("none") == nil)
        #expect(FloodgateClient(key: "secret-x").experimentGroups("experiment") == nil)
    }
}
