// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FloodgateOperations
import Testing

@Suite("Capacity model") struct CapacityModelTests {
    private func nodes(_ workload: Workload, _ node: NodeShape = NodeShape()) throws -> [String: Int] {
        let model = CapacityModel(workload, node: node, figures: try .measured())
        return Dictionary(uniqueKeysWithValues: model.tiers.map { ($0.name, $0.nodes) })
    }

    @Test func `flows are the day's events over its seconds`() throws {
        var workload = Workload(eventsPerDay: 86_400_000)
        workload.partitions = 1
        let model = CapacityModel(workload, figures: try .measured())
        let flows = Dictionary(uniqueKeysWithValues: model.flows.map { ($0.name, $0) })
        #expect(flows["events"]?.average == 1_000)
        #expect(flows["events"]?.peak == 3_000)
        #expect(flows["intake requests"]?.average == 1)
        #expect(flows["intake bytes"]?.average == 36_000)
        #expect(flows["rows loaded"]?.average == 1_000)
        #expect(
            flows["blocks loaded"]?.average == 1.0 / 6,
            "one each five seconds and a request where they do not fill"
        )
    }

    @Test func `ten times the load takes about ten times the nodes, and one of each tier may be lost`() throws {
        let one = try nodes(Workload(eventsPerDay: 3e11))
        let ten = try nodes(Workload(eventsPerDay: 3e12))
        for (tier, count) in one where count > 10 {
            let ratio = Double((ten[tier] ?? 0) - 1) / Double(count - 1)
            #expect(9...10.5 ~= ratio, "\(tier): \(count) and \(ten[tier] ?? 0)")
        }
        #expect(try nodes(Workload(eventsPerDay: 1_000))["intake"] == 2)
    }

    @Test func `nothing to carry takes nothing`() throws {
        #expect(try nodes(Workload(eventsPerDay: 0)).values.allSatisfy { $0 == 0 })
    }

    @Test func `several regions carry the load without one of them`() throws {
        var workload = Workload(eventsPerDay: 3e11)
        let alone = try #require(try nodes(workload)["intake"])
        workload.regions = 3
        let three = try #require(try nodes(workload)["intake"])
        #expect(three % 3 == 0)
        #expect(three / 3 * 2 >= alone - 1)
    }

    @Test func `streams take memory and polls take cores`() throws {
        var workload = Workload(eventsPerDay: 0)
        workload.instances = 1e8
        let polling = CapacityModel(workload, figures: try .measured()).tiers[0]
        workload.streaming = 1
        let streaming = CapacityModel(workload, figures: try .measured()).tiers[0]
        #expect(polling.name == "edges" && polling.bound == "cores")
        #expect(streaming.nodes > 1)
    }

    @Test(arguments: ["", "[]", "{}", #"{"intake_events_per_core_second":-1}"#])
    func `figures that are none are refused by name`(text: String) {
        let mistake = #expect(throws: CapacityFigures.Mistake.self) { try CapacityFigures(Array(text.utf8)) }
        #expect(mistake?.description.isEmpty == false)
    }
}
