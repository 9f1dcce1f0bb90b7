// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateJSON

/// Which snapshot flags are answered from, as OpenFeature's clients hear of it.
struct FlagVersion: Sendable, Hashable {
    /// Stands for the snapshot alone; without line ends.
    let id: String
    /// The snapshot's checksum, if it has one.
    let etag: String?
    /// When it was made, in Unix seconds.
    let lastModified: Int64

    init(_ snapshot: PreparedSnapshot) {
        // A checksum that cannot be quoted cannot stand in a line of its own either.
        id = snapshot.entityTag.map { "\(snapshot.time)-\($0.dropFirst().dropLast())" } ?? String(snapshot.time)
        etag = snapshot.checksum
        lastModified = Int64(clamping: snapshot.time / 1_000)
    }

    /// The server-sent event that tells clients to ask for their flags again.
    var event: String {
        var data: JSONObject = ["type": "refetchEvaluation"]
        data.set("etag", etag.map(JSONValue.string))
        data["lastModified"] = .integer(lastModified)
        return "event: message\nid: \(id)\ndata: \(JSONValue.object(data).text)\n\n"
    }
}
