// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateDelivery
import FloodgateJSON

/// What flags are answered from, as OpenFeature's clients hear of it.
package struct FlagVersion: Sendable, Hashable {
    /// Stands for the snapshot and the ID lists; without line ends.
    package let id: String
    /// The snapshot's checksum, with what stands for the ID lists; nil for a snapshot without one.
    package let etag: String?
    /// When the snapshot was made, in Unix seconds.
    package let lastModified: Int64

    /// The version of flags that are answered from `snapshot` and the ID lists that `lists` stands for.
    package init(_ snapshot: PreparedSnapshot, lists: String = "") {
        let suffix = lists.isEmpty ? "" : "-" + lists
        // A checksum that cannot be quoted cannot stand in a line of its own either.
        let checksum = snapshot.entityTag.map { String($0.dropFirst().dropLast()) }
        id = [String(snapshot.time), checksum].compactMap { $0 }.joined(separator: "-") + suffix
        etag = snapshot.checksum.map { $0 + suffix }
        lastModified = Int64(clamping: snapshot.time / 1_000)
    }

    /// The server-sent event that tells clients to ask for their flags again.
    package var event: String {
        var data: JSONObject = ["type": "refetchEvaluation"]
        data.set("etag", etag.map(JSONValue.string))
        data["lastModified"] = .integer(lastModified)
        return "event: message\nid: \(id)\ndata: \(JSONValue.object(data).text)\n\n"
    }
}
