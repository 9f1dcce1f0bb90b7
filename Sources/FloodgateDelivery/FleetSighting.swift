// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON

/// What was seen of one running SDK or edge: that it lives, and which document it answers from.
package struct FleetSighting: Sendable, Hashable {
    /// Names this run of the SDK; SDKs call it a session.
    package var id: String
    /// What people know it by: the name that it was given, else its host's name or address.
    package var name: String
    /// The SDK's type as it calls itself, such as `floodgate-swift`.
    package var sdk: String
    /// The SDK's version.
    package var sdkVersion: String
    /// The time of the document that it answers from, in Unix milliseconds; 0 for none.
    package var time: UInt64
    /// The document's checksum, if it said so.
    package var checksum: String?
    /// How many milliseconds ago the document came into use; nil if it did not say.
    package var usedAgo: Int64?
    /// Whether it is an edge, by its own word or that of another edge.
    package var isEdge = false
    /// How many milliseconds ago it was known that the document is the newest; edges say so.
    package var confirmedAgo: Int64?
    /// How many milliseconds ago this was seen, by an edge.
    package var seenAgo: Int64 = 0
    /// The time of the document that it is given at this moment, if it is given one.
    package var offered: UInt64?
    /// How many instances it stands for, by the word of an edge that tells of some alone; 0 for one that is told of by name
    /// beside these.
    package var weight = 1
    /// The edges between, the nearest to the instance first.
    package var via: [String] = []

    /// A sighting at this moment.
    package init(
        id: String,
        name: String,
        sdk: String,
        sdkVersion: String,
        time: UInt64,
        checksum: String? = nil,
        usedAgo: Int64? = nil
    ) {
        self.id = Self.clean(id)
        self.name = Self.clean(name)
        self.sdk = Self.clean(sdk)
        self.sdkVersion = Self.clean(sdkVersion)
        self.time = time
        self.checksum = checksum.map(Self.clean)
        self.usedAgo = usedAgo.map { max(0, $0) }
    }

    /// What an edge says of it.
    package init?(_ json: JSONObject) {
        guard let id = json["id"]?.stringValue, !id.isEmpty, let name = json["name"]?.stringValue,
            let time = json["time"]?.integerValue.flatMap({ UInt64(exactly: $0) })
        else { return nil }
        self.init(
            id: id,
            name: name,
            sdk: json["sdk"]?.stringValue ?? "",
            sdkVersion: json["sdk_version"]?.stringValue ?? "",
            time: time,
            checksum: json["checksum"]?.stringValue,
            usedAgo: json["used_ms_ago"]?.integerValue
        )
        isEdge = json["edge"] == true
        confirmedAgo = json["confirmed_ms_ago"]?.integerValue.map { max(0, $0) }
        seenAgo = max(0, json["seen_ms_ago"]?.integerValue ?? 0)
        weight = Int(clamping: min(max(0, json["weight"]?.integerValue ?? 1), 1 << 32))
        via = (json["via"]?.arrayValue ?? []).prefix(8).compactMap(\.stringValue).map(Self.clean)
    }

    /// The same as JSON.
    package var json: JSONObject {
        var object: JSONObject = [
            "id": .string(id), "name": .string(name), "sdk": .string(sdk), "sdk_version": .string(sdkVersion),
            "time": .integer(Int64(clamping: time)), "seen_ms_ago": .integer(seenAgo),
            "via": .array(via.map(JSONValue.string)),
        ]
        object.set("checksum", checksum.map(JSONValue.string))
        object.set("used_ms_ago", usedAgo.map { .integer($0) })
        if weight != 1 { object["weight"] = .integer(weight) }
        if isEdge { object["edge"] = true }
        object.set("confirmed_ms_ago", confirmedAgo.map { .integer($0) })
        return object
    }

    /// A text from outside: printable and short, since people read it in tables and logs.
    private static func clean(_ text: String) -> String {
        let scalars = text.unicodeScalars.lazy.filter { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
        return String(String.UnicodeScalarView(scalars.prefix(128)))
    }
}
