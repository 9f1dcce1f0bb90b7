// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import FloodgateJSON
import FloodgateSnapshots
import FoundationEssentials

/// What caches may hold of this server, and which gates were switched off when they were purged last; outlives the process.
///
/// A delivery id is in every browser that uses it, unlike other keys, of which only hashes are kept.
struct PurgeMemory: Sendable {
    /// The ids that somebody asked for, with their environments; by key, so that they are never more than there are keys.
    var ids: [KeyDigest: (text: String, environment: String)] = [:]
    /// By environment, what stands for the gates that are switched off in what caches hold.
    var off: [String: String] = [:]

    /// Nothing is known.
    init() {}

    /// What a process left behind in `file`; nothing if it cannot be read.
    init(readingFrom file: String) {
        guard let content = try? Data(contentsOf: URL(filePath: file)),
            let object = (try? JSONValue(parsing: [UInt8](content)))?.objectValue
        else { return }
        for id in object["ids"]?.objectValue ?? JSONObject() {
            guard let environment = id.value.stringValue else { continue }
            ids[KeyDigest(of: id.name)] = (id.name, environment)
        }
        for mark in object["off"]?.objectValue ?? JSONObject() { off[mark.name] = mark.value.stringValue }
    }

    /// The same as JSON.
    var json: JSONValue {
        let ids = ids.values.sorted { $0.text < $1.text }.map { ($0.text, JSONValue.string($0.environment)) }
        let off = off.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.string($0.value)) }
        return ["ids": .object(JSONObject(ids)), "off": .object(JSONObject(off))]
    }

    /// What stands for the gates that `snapshot` has switched off.
    static func mark(of snapshot: PreparedSnapshot) -> String {
        SnapshotHash(of: Array(snapshot.switchedOff.sorted().joined(separator: "\n").utf8)).text
    }
}
