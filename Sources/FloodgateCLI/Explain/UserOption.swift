// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateEvaluation
import FloodgateJSON
import FloodgateServer

/// Who is meant, for commands that evaluate for one user.
struct UserOption: ParsableArguments {
    @Option(help: ArgumentHelp("The user as JSON, as SDKs write it.", valueName: "json")) var user: String?
    @Option(help: ArgumentHelp("File with the user as JSON; - is standard input.", valueName: "file"))
    var userFile: String?
    @Option(help: ArgumentHelp("User ID, of a user of whom nothing else is known.", valueName: "id"))
    var userID: String?

    /// The user that was named; what nobody reads of it is warned of.
    func read() throws -> FloodgateUser {
        switch (user, userFile, userID) {
        case (let text?, nil, nil): return try Self.user(of: Array(text.utf8), "--user")
        case (nil, let file?, nil): return try Self.user(of: InputFile.bytes(of: file, limit: 16 << 20), file)
        case (nil, nil, let id?): return FloodgateUser(userID: id)
        case (nil, nil, nil):
            throw CommandFailure(.usage, "Say for whom: --user JSON, --user-file FILE or --user-id ID")
        default: throw CommandFailure(.usage, "Name one user: --user, --user-file and --user-id exclude each other")
        }
    }

    private static func user(of bytes: [UInt8], _ place: String) throws -> FloodgateUser {
        let json: JSONValue
        do { json = try JSONValue(parsing: bytes) } catch {
            throw CommandFailure(.badInput, "\(place) is not JSON: \(error)")
        }
        guard case .object(let object) = json else {
            throw CommandFailure(.badInput, "\(place) is not a user; write an object such as {\"userID\": \"u-1\"}")
        }
        for member in object { try check(member, place) }
        return FloodgateUser(json: json)
    }

    private static let texts = ["userID", "email", "ip", "userAgent", "country", "locale", "appVersion"]
    private static let objects = ["customIDs", "custom", "privateAttributes", "statsigEnvironment"]

    /// SDKs leave out what they cannot use, without a word; here somebody is looking for the reason.
    private static func check(_ member: JSONObject.Member, _ place: String) throws {
        if texts.contains(member.name) { return }
        guard objects.contains(member.name) else {
            let names = (texts + objects).filter { $0.lowercased() == plain(member.name) }
            let hint = names.first.map { "write \($0)" } ?? "attributes of your own belong into custom"
            let name = JSONValue.string(member.name).text
            return StandardStreams.error("warning: \(place): no rule sees the member \(name); \(hint)\n")
        }
        if member.value.objectValue == nil, !member.value.isNull {
            throw CommandFailure(.badInput, "\(place): /\(member.name) must be an object")
        }
    }

    private static func plain(_ name: String) -> String { name.lowercased().filter { $0 != "_" } }
}
