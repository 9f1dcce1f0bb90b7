// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON

/// How many nodes of each tier a workload takes: arithmetic on measured figures.
///
/// A tier has as many nodes as its scarcest resource asks for at the peak, and one more (or a region's worth more) so that a
/// loss is not felt.
package struct CapacityModel: Sendable {
    /// One kind of node.
    package struct Tier: Sendable, Hashable {
        package var name: String
        /// What is scarcest there.
        package var bound: String
        /// Cores that are busy at the peak, over all nodes.
        package var cores: Double
        /// Nodes over all regions.
        package var nodes: Int
    }

    /// What flows, each over all nodes.
    package struct Flow: Sendable, Hashable {
        package var name: String
        package var average: Double
        package var peak: Double
        package var unit: String
    }

    private let workload: Workload
    private let node: NodeShape
    private let figures: CapacityFigures

    package init(_ workload: Workload, node: NodeShape = NodeShape(), figures: CapacityFigures) {
        self.workload = workload
        self.node = node
        self.figures = figures
    }

    private var events: Double { workload.eventsPerDay / 86_400 }
    private var requests: Double { events / workload.eventsPerBatch }
    private var streams: Double { workload.instances * workload.streaming }
    private var polls: Double { (workload.instances - streams) / workload.pollSeconds }
    private var documents: Double { workload.changesPerDay / 86_400 * (workload.instances - streams) }
    private var blocks: Double {
        // A block is loaded when it is full, or five seconds after its first request, which comes when it comes.
        let partitions = max(1, workload.partitions)
        return max(events / figures[.blockEvents], requests > 0 ? partitions / (5 + partitions / requests) : 0)
    }

    /// What flows on average and at the peak.
    package var flows: [Flow] {
        func flow(_ name: String, _ average: Double, _ unit: String, peaks: Bool = true) -> Flow {
            Flow(name: name, average: average, peak: peaks ? average * workload.peakFactor : average, unit: unit)
        }
        let unique = events * (1 - workload.duplicates)
        return [
            flow("events", events, "1/s"), flow("intake requests", requests, "1/s"),
            flow("intake bytes", events * workload.bytesPerEvent, "B/s"),
            flow("log bytes", events * figures[.logBytes], "B/s"), flow("transport messages", requests, "1/s"),
            flow("rows loaded", events, "1/s"), flow("rows in results", unique, "1/s"),
            flow("blocks loaded", blocks, "1/s"),
            flow("warehouse bytes", events * figures[.warehouseBytes] * workload.replicas, "B/s"),
            flow("config polls", polls, "1/s", peaks: false),
            flow("documents sent", documents, "1/s", peaks: false),
            flow("streams", streams, "open", peaks: false),
        ]
    }

    /// How many nodes there must be, by tier.
    package var tiers: [Tier] {
        let peak = events * workload.peakFactor
        let peakRequests = requests * workload.peakFactor
        // Parsing costs by the event, connections by the request.
        let intake = peak / figures[.intakeEvents] + peakRequests / figures[.intakeRequests]
        let transport = 2 * peakRequests / figures[.transportMessages] * 3
        // A change reaches all within a second.
        let change = streams * figures[.streamMicroseconds] / 1e6
        let delivery = polls / figures[.polls] + documents / figures[.documents] + change
        let copies = workload.replicas
        let stored = workload.eventsPerDay * workload.retentionDays * figures[.warehouseBytes] * copies
        return [
            tier(
                "edges",
                delivery,
                network: documents * workload.documentBytes + polls * 200,
                memory: streams * figures[.streamBytes]
            ),
            // Six hours of the peak must fit.
            tier("intake", intake, network: peak * workload.bytesPerEvent, disk: peak * figures[.logBytes] * 6 * 3_600),
            tier("brokers", transport, network: 4 * peak * workload.bytesPerEvent, least: 3),
            tier("loaders", peak / figures[.loaderEvents], network: peak * workload.plainBytesPerEvent),
            tier("warehouse", peak / figures[.loaderEvents] * copies / 2, disk: stored, least: Int(copies)),
        ]
    }

    private func tier(
        _ name: String,
        _ cores: Double,
        network: Double = 0,
        memory: Double = 0,
        disk: Double = 0,
        least: Int = 1
    ) -> Tier {
        let needs = [
            ("cores", cores / (node.cores * node.utilisation)),
            ("network", network / (node.networkBytesPerSecond * node.utilisation)),
            ("memory", memory / (node.memoryGiB * 1_073_741_824 * node.utilisation)),
            ("disk", disk / (node.diskBytes * 0.8)),
        ]
        let scarcest = needs.max { $0.1 < $1.1 } ?? ("cores", 0)
        guard scarcest.1 > 0 else { return Tier(name: name, bound: "–", cores: 0, nodes: 0) }
        let needed = max(scarcest.1.rounded(.up), Double(least))
        // The loss of one region, or in a single one of one node, leaves enough.
        let regions = max(1, workload.regions)
        let nodes = regions > 1 ? (needed / (regions - 1)).rounded(.up) * regions : needed + 1
        return Tier(name: name, bound: scarcest.0, cores: cores, nodes: Int(clamping: Int64(min(nodes, 1e15))))
    }

    /// The plan for programs.
    package var json: JSONObject {
        [
            "origin": .string(figures.origin),
            "tiers": .array(
                tiers.map { tier in
                    [
                        "name": .string(tier.name), "nodes": .integer(tier.nodes), "cores": .double(tier.cores),
                        "bound": .string(tier.bound),
                    ]
                }
            ),
            "flows": .array(
                flows.map { flow in
                    [
                        "name": .string(flow.name), "average": .double(flow.average), "peak": .double(flow.peak),
                        "unit": .string(flow.unit),
                    ]
                }
            ),
        ]
    }
}
