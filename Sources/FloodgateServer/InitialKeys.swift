// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateControlPlane
import FloodgateJSON
import FoundationEssentials

/// The keys that a new project begins with, in clear text in a file of the data folder that its owner alone can read.
///
/// The store holds hashes, so this file is all that the greeting and `floodgate keys list` can show keys from. Whoever
/// has noted the keys deletes it; nothing else needs it (ADR 0015).
package struct InitialKeys: Sendable {
    private let texts: [KeyDigest: String]

    /// Reads what `folder` holds; a file that is missing or cannot be read holds nothing.
    package init(in folder: DataFolder) {
        let content = try? Data(contentsOf: URL(filePath: folder.initialKeysFile))
        let entries = content.flatMap { try? JSONValue(parsing: [UInt8]($0)) }?.arrayValue ?? []
        let known = entries.compactMap { $0["key"]?.stringValue }
        texts = Dictionary(known.map { (KeyDigest(of: $0), $0) }) { first, _ in first }
    }

    /// Writes `keys` down in `folder`, unless there are none.
    /// - Throws: `StartFailure` if the file cannot be written.
    package static func keep(_ keys: [IssuedKey], in folder: DataFolder) throws(StartFailure) {
        guard !keys.isEmpty else { return }
        let entries = keys.map { issued -> JSONValue in
            [
                "kind": .string(issued.key.kind.rawValue), "key": .string(issued.text),
                "environment": .string(issued.key.environment),
            ]
        }
        try folder.save(Array((JSONValue.array(entries).text + "\n").utf8), as: folder.initialKeysFile)
    }

    /// What `key` reads, if it is one of them.
    package func text(of key: SDKKey) -> String? { texts[key.digest] }
}
