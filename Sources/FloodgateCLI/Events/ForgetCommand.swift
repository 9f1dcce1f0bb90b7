// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateIngest
import FloodgateJSON
import FloodgateServer
import FloodgateWarehouse

/// `floodgate events forget`.
struct EventsForgetCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forget",
        abstract: "Remove every event of one user from the warehouse.",
        discussion: """
            Removes exposures and events whose user ID or a custom ID is the one given. What the log still has of them goes by \
            its own age, within hours; run the command again after it if the user may have been there until now.
            """
    )

    @Argument(help: ArgumentHelp("The user's ID.", valueName: "user")) var user: String
    @Option(help: ArgumentHelp("The environment.", valueName: "name")) var environment = "production"
    @OptionGroup var asked: AskedWarehouse

    func run() async throws {
        let message: JSONValue = ["userID": .string(user), "environment": .string(environment)]
        let answer = try await asked.answer("/console/v1/events/forget", posting: message) { warehouse, _ in
            var data = JSONObject()
            let removed = try await warehouse.forget(user, environment: environment)
            data.set("removed", removed.map { .integer(Int64($0)) })
            return .object(data)
        }
        print(answer["removed"]?.integerValue.map { "Removed \($0) rows." } ?? "Removed.")
    }
}

/// `floodgate events dead`.
struct EventsDeadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dead",
        abstract: "Show events that could not be loaded, or send them again.",
        discussion: """
            The warehouse takes all events but those that it cannot read; these are kept for 30 days with the reason. With \
            --replay those shown are put into the event log again, with --replay --all every one of them; one that was there \
            before counts once. Prints JSON Lines, then how many there are by reason.
            """
    )

    @Flag(help: "Send them again.") var replay = false
    @Flag(help: "With --replay: all of them, however many there are.") var all = false
    @Option(help: ArgumentHelp("Only those of one reason.", valueName: "text")) var reason: String?
    @Option(help: ArgumentHelp("How many, the oldest first.", valueName: "count")) var limit = 100
    @OptionGroup var asked: AskedWarehouse

    func validate() throws {
        guard 1...10_000 ~= limit else { throw ValidationError("--limit must be from 1 to 10000") }
        guard replay || !all else { throw ValidationError("--all goes with --replay") }
    }

    func run() async throws {
        var query = [("limit", String(limit))]
        if let reason { query.append(("reason", reason)) }
        var filter = DeadLetters.Filter()
        filter.reason = reason
        filter.limit = limit
        if replay {
            let link = try asked.server.link { try asked.data.folder() }
            let count =
                try await all
                ? replayAll(over: link)
                : link.data(of: Self.path + "/replay", query, posting: [:])["replayed"]?.integerValue ?? 0
            print("Sent \(count) events again.")
            return
        }
        let answer = try await asked.answer(Self.path, query) { warehouse, _ in
            let letters = DeadLetters(in: warehouse)
            let rows = try await letters.list(filter)
            let counts = try await letters.counts().sorted { $0.key < $1.key }.map {
                ($0.key, JSONValue.integer($0.value))
            }
            return ["letters": .array(rows.map(JSONValue.object)), "counts": .object(JSONObject(counts))]
        }
        for letter in answer["letters"]?.arrayValue ?? [] { StandardStreams.output(letter.text + "\n") }
        StandardStreams.output((answer["counts"]?.text ?? "{}") + "\n")
    }

    private static let path = "/console/v1/events/dead_letters"

    /// Sends as many again as there are now, some at a time, so that no answer takes long.
    ///
    /// Not more: what dies again meanwhile is for the next time.
    /// - Returns: How many events that were.
    private func replayAll(over link: ServerLink) async throws -> Int64 {
        let counts = try await link.data(of: Self.path, [("limit", "1")])["counts"]?.objectValue ?? [:]
        var missing = counts.reduce(0) { sum, member in
            reason ?? member.name == member.name ? sum + (member.value.integerValue ?? 0) : sum
        }
        var sent: Int64 = 0
        var place: String?
        while missing > 0 {
            var query = [("limit", String(min(missing, 100)))]
            if let reason { query.append(("reason", reason)) }
            if let place { query.append(("after", place)) }
            let answer = try await link.data(of: Self.path + "/replay", query, posting: [:])
            let replayed = answer["replayed"]?.integerValue ?? 0
            sent += replayed
            missing -= replayed + (answer["unreadable"]?.integerValue ?? 0)
            place = answer["next"]?.stringValue
            if place == nil { break }
        }
        return sent
    }
}
