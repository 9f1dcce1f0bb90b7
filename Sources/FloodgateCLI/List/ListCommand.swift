// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateControlPlane
import FloodgateEvaluation
import FloodgateJSON
import FloodgateServer

/// `floodgate list`: looks at ID lists, and says who is in them.
struct ListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List, show, make and delete ID lists; put units in and take them out.",
        discussion: """
            An ID list is a set of up to ten million unit IDs that conditions ask for. Only hashes of the IDs are kept. \
            Every change is one transaction with its audit record, and is appended to the list's file, so that SDKs get \
            no more than what is new. It works with and without a running server.
            """,
        subcommands: [
            ListListCommand.self, ListShowCommand.self, ListCreateCommand.self, ListAddCommand.self,
            ListRemoveCommand.self, ListCompactCommand.self, ListDeleteCommand.self,
        ]
    )
}

/// `floodgate list ls`.
struct ListListCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ls",
        abstract: "List all ID lists.",
        discussion:
            "Prints name, members, lines and bytes of each. With --json an array of objects as in `list show --json`."
    )

    @Flag(help: "Print JSON.") var json = false
    @OptionGroup var data: DataOption

    func run() async throws {
        let lists = try await data.project().idLists()
        if json { return print(JSONValue.array(lists.map { .object(ListText.json($0)) }).text) }
        let rows = lists.map { [$0.name, String($0.members), String($0.lines), String($0.size)] }
        print(TextTable(["NAME", "MEMBERS", "LINES", "BYTES"], rows).text)
    }
}

/// `floodgate list show`.
struct ListShowCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show",
        abstract: "Show one ID list, and whether units are in it.",
        discussion: """
            With IDs, says of each whether it is in the list. With --json an object with name, file_id, creation_time \
            (Unix ms), size (bytes), lines and members, and with IDs a member `units` of true or false by ID. Exits \
            with 1 if there is no such list.
            """
    )

    @Argument(help: "The list's name.") var name: String
    @Argument(help: "Unit IDs to look up.") var ids: [String] = []
    @Flag(help: "Print JSON.") var json = false
    @OptionGroup var data: DataOption

    func run() async throws {
        let control = try data.project()
        let list = try await control.idList(name)
        var object = ListText.json(list)
        if !ids.isEmpty {
            let members = try await control.members(ofIDList: name)
            object["units"] = .object(JSONObject(ids.map { ($0, .bool(members.contains(unitID: $0))) }))
        }
        if json { return print(JSONValue.object(object).text) }
        print("\(name): \(ListText.units(list.members))")
        print("file \(list.fileID) of \(SystemClock.text(list.creationTime)), \(list.lines) lines, \(list.size) bytes")
        for unit in object["units"]?.objectValue ?? [:] {
            print("\(unit.name): \(unit.value == true ? "in the list" : "not in the list")")
        }
    }
}

/// Why, and how to say what came of it.
struct ListChangeOptions: ParsableArguments {
    @Argument(help: "The list's name.") var name: String
    @Option(help: ArgumentHelp("Why, for the audit log.", valueName: "text")) var reason: String?
    @Flag(help: "Print the list as JSON.") var json = false
    @OptionGroup var data: DataOption

    var change: Change { Change(actor: Actor.name, reason: reason) }

    func show(_ change: IDListChange, _ text: String) {
        guard json else {
            return print(text + (change.isCompacted ? "; its file was written anew" : ""))
        }
        var object = ListText.json(change.list)
        object["changed"] = .integer(change.count)
        print(JSONValue.object(object).text)
    }
}

/// `floodgate list create`.
struct ListCreateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "create",
        abstract: "Make an ID list.",
        discussion: """
            Units may be given as arguments, or one a line in a file; without either the list is empty. Exits with 65 if \
            there is a list with that name.
            """
    )

    @OptionGroup var options: ListChangeOptions
    @OptionGroup var units: UnitsOption

    func run() async throws {
        let ids = try units.hashed()
        let change = try await options.data.project().createIDList(options.name, ids: ids, by: options.change)
        options.show(change, "\(options.name) is made, with \(ListText.units(change.count))")
    }
}

/// `floodgate list add`.
struct ListAddCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "add",
        abstract: "Put units into an ID list.",
        discussion: """
            Units are given as arguments, or one a line in a file; those that are in the list already change nothing. \
            Exits with 1 if there is no such list.
            """
    )

    @OptionGroup var options: ListChangeOptions
    @OptionGroup var units: UnitsOption

    func run() async throws {
        let ids = try units.someHashed()
        let change = try await options.data.project().add(ids, toIDList: options.name, by: options.change)
        options.show(
            change,
            "\(options.name) has \(ListText.units(change.list.members)), \(change.count) of them new"
        )
    }
}

/// `floodgate list remove`.
struct ListRemoveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "remove",
        abstract: "Take units out of an ID list.",
        discussion: """
            Units are given as arguments, or one a line in a file; those that are not in the list change nothing. When more \
            than half of the lines of the list's file say nothing any more, and these have more than 64 KiB, it is written \
            anew. Exits with 1 if there is no such list.
            """
    )

    @OptionGroup var options: ListChangeOptions
    @OptionGroup var units: UnitsOption

    func run() async throws {
        let ids = try units.someHashed()
        let change = try await options.data.project().remove(ids, fromIDList: options.name, by: options.change)
        options.show(change, "\(options.name) has \(ListText.units(change.list.members)), \(change.count) went")
    }
}

/// `floodgate list compact`.
struct ListCompactCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "compact",
        abstract: "Write an ID list's file anew, with its members alone.",
        discussion: """
            SDKs then download all of it. It is done without being asked for when it is worth it (see `list remove`). Exits \
            with 1 if there is no such list.
            """
    )

    @OptionGroup var options: ListChangeOptions

    func run() async throws {
        let change = try await options.data.project().compactIDList(options.name, by: options.change)
        options.show(
            change,
            change.didChange ? "\(options.name) has \(change.list.size) bytes" : "\(options.name) is compact already"
        )
    }
}

/// `floodgate list delete`.
struct ListDeleteCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Delete an ID list with all that is in it.",
        discussion: """
            A list that conditions of gates, segments or others ask for is not deleted, and they are named (exit code 65); \
            with --force it is, and to them nobody is in it any more. Exits with 1 if there is no such list.
            """
    )

    @Flag(help: "Delete it although conditions ask for it.") var force = false
    @OptionGroup var options: ListChangeOptions

    func run() async throws {
        let list = try await options.data.project().deleteIDList(options.name, force: force, by: options.change)
        if options.json { return print(JSONValue.object(ListText.json(list)).text) }
        print("\(options.name) is deleted; it had \(ListText.units(list.members))")
    }
}

/// ID lists in plain words.
enum ListText {
    static func json(_ list: IDListHead) -> JSONObject {
        [
            "name": .string(list.name), "file_id": .string(list.fileID), "creation_time": .integer(list.creationTime),
            "size": .integer(list.size), "lines": .integer(list.lines), "members": .integer(list.members),
        ]
    }

    static func units(_ count: Int) -> String { count == 1 ? "1 unit" : "\(count) units" }
}
