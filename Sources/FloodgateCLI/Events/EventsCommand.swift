// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateEvents
import FloodgateIngest
import FloodgateJSON
import FloodgateSQLite
import FloodgateServer

/// `floodgate events`: what SDKs reported.
struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Count events, watch them arrive, and see what became of them.",
        discussion: """
            count and tail read the event log in the data folder, whether or not the server runs. The others ask the warehouse: \
            through the server that runs on the folder, or else by themselves.
            """,
        subcommands: [
            EventsCountCommand.self, EventsTailCommand.self, EventsSummaryCommand.self, EventsReconcileCommand.self,
            EventsDeadCommand.self, EventsForgetCommand.self,
        ]
    )
}

/// `floodgate events count`.
struct EventsCountCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "count",
        abstract: "Count what is in the event log.",
        discussion: """
            Prints the numbers of events, of exposures among them, and of batches, one a line. With --json an object with \
            the members events, exposures, batches, environments, raw_bytes and stored_bytes.
            """
    )

    @Flag(help: "Print JSON.") var json = false
    @OptionGroup var data: DataOption

    func run() async throws {
        let folder = try data.folder()
        let counts = try await EventLogFolder.reader(folder)?.counts() ?? EventCounts()
        if json {
            let environments = counts.eventsByEnvironment.sorted { $0.key < $1.key }
            let object: JSONObject = [
                "events": .integer(counts.events), "exposures": .integer(counts.exposures),
                "batches": .integer(counts.batches),
                "environments": .object(JSONObject(environments.map { ($0.key, .integer($0.value)) })),
                "raw_bytes": .integer(counts.rawBytes), "stored_bytes": .integer(counts.storedBytes),
            ]
            print(JSONValue.object(object).text)
        } else {
            print("events \(counts.events)\nexposures \(counts.exposures)\nbatches \(counts.batches)")
        }
    }
}

/// `floodgate events tail`.
struct EventsTailCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Print the newest events, and those that arrive.",
        discussion: """
            One event a line, the oldest first: when it arrived, environment, name, unit, and what it is about. With --json \
            the event as the SDK sent it, with the members received_at (Unix milliseconds), environment and position \
            added. With --follow it goes on until it is interrupted.
            """
    )

    @Flag(name: .shortAndLong, help: "Go on with events as they arrive.") var follow = false
    @Option(name: .shortAndLong, help: ArgumentHelp("How many events to begin with.", valueName: "count")) var number =
        10
    @Option(
        help: ArgumentHelp(
            "Only events for which all terms hold, such as 'gate=new_checkout reason~Unrecognized': FIELD=TEXT, FIELD!=TEXT, "
                + "FIELD~TEXT (contains) or a text alone. Fields: name, gate, config, layer, event, unit, rule, value, "
                + "reason, environment, kind, key.",
            valueName: "terms"
        )
    )
    var filter = ""
    @Flag(help: "Print JSON Lines.") var json = false
    @OptionGroup var data: DataOption

    func validate() throws {
        do { _ = try EventFilter(filter) } catch { throw ValidationError(error.description) }
        guard 0...1_000_000 ~= number else { throw ValidationError("--number must be from 0 to 1000000") }
    }

    func run() async throws {
        let folder = try data.folder()
        let filter = try EventFilter(filter)
        var position: Int64 = 0
        if let reader = try EventLogFolder.reader(folder) {
            let last = try await reader.lastPosition()
            // What a filter lets through may lie far back.
            position = filter.isEmpty ? EventLogFolder.start(showing: number, before: last) : 0
            var lines: [String] = []
            while true {
                let batches = try await reader.read(after: position, limit: 200)
                guard let newest = batches.last else { break }
                position = newest.id
                lines = Array((lines + (try Self.lines(batches, filter, asJSON: json))).suffix(number))
            }
            for line in lines { StandardStreams.output(line) }
        }
        while follow {
            guard let reader = try EventLogFolder.reader(folder) else {
                try await Task.sleep(for: .milliseconds(250))
                continue
            }
            let batches = try await reader.read(after: position, limit: 200)
            for line in try Self.lines(batches, filter, asJSON: json) { StandardStreams.output(line) }
            position = batches.last?.id ?? position
            if batches.isEmpty { try await Task.sleep(for: .milliseconds(250)) }
        }
    }

    private static func lines(_ batches: [LoggedBatch], _ filter: EventFilter, asJSON: Bool) throws -> [String] {
        try batches.flatMap { batch in
            try batch.unpack().events.filter { event in
                filter.shows(event, environment: batch.environment, keyKind: batch.keyKind)
            }.map { event in asJSON ? jsonLine(event, batch) : textLine(event, batch) }
        }
    }

    private static func jsonLine(_ event: Event, _ batch: LoggedBatch) -> String {
        var object = event.json
        object["received_at"] = .integer(batch.receivedAt)
        object["environment"] = .string(batch.environment)
        object["position"] = .integer(batch.id)
        return JSONValue.object(object).text + "\n"
    }

    private static func textLine(_ event: Event, _ batch: LoggedBatch) -> String {
        var parts = [SystemClock.text(batch.receivedAt), batch.environment, event.name, event.unitID ?? "-"]
        if let exposure = Exposure(event) {
            parts.append(exposure.name)
            if case .gate(let value?) = exposure.kind { parts.append(value ? "true" : "false") }
            parts.append("rule=\(exposure.ruleID)")
            if let reason = exposure.reason { parts.append("reason=\(reason)") }
        } else {
            if let value = event.value { parts.append(value.text) }
            if let metadata = event.metadata, !metadata.isEmpty { parts.append(JSONValue.object(metadata).text) }
        }
        let line = parts.joined(separator: " ")
        return String(String.UnicodeScalarView(line.unicodeScalars.map { $0.value < 0x20 ? " " : $0 })) + "\n"
    }
}

/// Where the event log lies.
enum EventLogFolder {
    /// A reader, or nil if nothing was ever logged there.
    static func reader(_ folder: DataFolder) throws(CommandFailure) -> SQLiteEventLogReader? {
        guard folder.exists else { throw CommandFailure(.noInput, "There is no folder \(folder.path)") }
        guard DataFolder(path: folder.eventFolder).exists else { return nil }
        return SQLiteEventLogReader(folder: folder.eventFolder)
    }

    /// A position behind which the newest `count` events are for sure, as long as they are in one segment.
    ///
    /// A position is the segment's number and, in its lower 32 bits, the batch's row; a batch has at least one event.
    static func start(showing count: Int, before last: Int64) -> Int64 {
        let row = last & 0xFFFF_FFFF
        return last - min(row, Int64(count))
    }
}
