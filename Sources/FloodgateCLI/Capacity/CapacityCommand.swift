// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateJSON
import FloodgateOperations
import FloodgateServer

/// `floodgate capacity`: how many nodes a load takes.
struct CapacityCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "capacity",
        abstract: "Say how many nodes of each tier a load takes.",
        discussion: """
            Arithmetic on figures that the benchmarks measured (`make bench-intake` writes them; --figures names another file). \
            Each tier has what its scarcest resource asks for at the peak, and one node more, or with several regions enough \
            that the loss of one is not felt.
            """
    )

    @Option(help: ArgumentHelp("Events that SDKs send in a day, such as 3e11.", valueName: "number"))
    var eventsPerDay: Double
    @Option(help: ArgumentHelp("How many times the average the busiest second is.", valueName: "factor")) var peak = 3.0
    @Option(help: ArgumentHelp("Events in one request.", valueName: "number")) var batch = 1_000.0
    @Option(help: ArgumentHelp("Compressed bytes of an event.", valueName: "bytes")) var eventBytes = 36.0
    @Option(help: ArgumentHelp("Partitions of the brokers.", valueName: "number")) var partitions = 64.0
    @Option(help: ArgumentHelp("Processes with an SDK.", valueName: "number")) var instances = 0.0
    @Option(help: ArgumentHelp("Seconds between two polls.", valueName: "seconds")) var poll = 10.0
    @Option(help: ArgumentHelp("Share of instances that follow a stream, from 0 to 1.", valueName: "share"))
    var streaming = 0.0
    @Option(help: ArgumentHelp("Days that events are kept.", valueName: "days")) var retention = 90.0
    @Option(help: ArgumentHelp("Copies of each row.", valueName: "number")) var replicas = 2.0
    @Option(help: ArgumentHelp("Regions that share the load.", valueName: "number")) var regions = 1.0
    @Option(help: ArgumentHelp("Cores of a node.", valueName: "number")) var cores = 8.0
    @Option(help: ArgumentHelp("TB of a node's disk.", valueName: "TB")) var disk = 2.0
    @Option(help: ArgumentHelp("A file of figures.", valueName: "file")) var figures: String?
    @Flag(help: "Print JSON.") var json = false

    func validate() throws {
        func check(_ name: String, _ value: Double, _ range: ClosedRange<Double>) throws {
            guard range.contains(value) else {
                throw ValidationError("--\(name) must be from \(range.lowerBound) to \(range.upperBound)")
            }
        }
        try check("events-per-day", eventsPerDay, 0...1e15)
        try check("peak", peak, 1...1_000)
        try check("batch", batch, 1...100_000)
        try check("event-bytes", eventBytes, 1...1e6)
        try check("partitions", partitions, 1...1_000)
        try check("instances", instances, 0...1e11)
        try check("poll", poll, 0.1...86_400)
        try check("streaming", streaming, 0...1)
        try check("retention", retention, 1...36_500)
        try check("replicas", replicas, 1...10)
        try check("regions", regions, 1...100)
        try check("cores", cores, 1...1_024)
        try check("disk", disk, 0.01...10_000)
    }

    func run() throws {
        var workload = Workload(eventsPerDay: eventsPerDay)
        workload.peakFactor = peak
        workload.eventsPerBatch = batch
        workload.bytesPerEvent = eventBytes
        workload.partitions = partitions
        workload.instances = instances
        workload.pollSeconds = poll
        workload.streaming = streaming
        workload.retentionDays = retention
        workload.replicas = replicas
        workload.regions = regions
        var node = NodeShape()
        node.cores = cores
        node.diskBytes = disk * 1e12
        let measured: CapacityFigures
        do {
            measured =
                try figures.map { try CapacityFigures(try InputFile.bytes(of: $0, limit: 1 << 20)) }
                ?? CapacityFigures.measured()
        } catch let mistake as CapacityFigures.Mistake {
            throw CommandFailure(.badInput, mistake.description)
        }
        let model = CapacityModel(workload, node: node, figures: measured)
        StandardStreams.output((json ? JSONValue.object(model.json).text : Self.text(model)) + "\n")
    }

    private static func text(_ model: CapacityModel) -> String {
        let tiers = TextTable(
            ["TIER", "NODES", "BUSY CORES AT PEAK", "BOUND BY"],
            model.tiers.map { [$0.name, String($0.nodes), number($0.cores), $0.bound] }
        )
        let flows = TextTable(
            ["FLOW", "AVERAGE", "PEAK", "UNIT"],
            model.flows.map { [$0.name, number($0.average), number($0.peak), $0.unit] }
        )
        return [tiers.text, flows.text].joined(separator: "\n\n")
    }

    /// Three digits that count, as in `3.47M`.
    private static func number(_ value: Double) -> String {
        for (letter, size) in [("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)] where value >= size {
            return digits(value / size) + letter
        }
        return digits(value)
    }

    private static func digits(_ value: Double) -> String {
        let places = value >= 100 ? 1.0 : value >= 10 ? 10.0 : 100.0
        let rounded = (value * places).rounded() / places
        return rounded == rounded.rounded() ? String(Int64(rounded)) : String(rounded)
    }
}
