// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FoundationEssentials

/// What a log is called in the ledger: made once, and kept in its data folder.
package enum NodeName {
    /// The name of the folder's log; made and kept if there is none.
    /// - Throws: `StartFailure` if it cannot be kept.
    package static func name(in folder: DataFolder) throws(StartFailure) -> String {
        if let name = known(in: folder) { return name }
        return try renew(in: folder)
    }

    /// The name, if there is one.
    package static func known(in folder: DataFolder) -> String? {
        guard let content = try? Data(contentsOf: URL(filePath: folder.nodeFile)),
            let name = (try? JSONValue(parsing: [UInt8](content)))?["node"]?.stringValue,
            name.hasPrefix("n"), name.utf8.count <= 20
        else { return nil }
        return name
    }

    /// Gives the log a new name: for a folder that was put back from a copy, and gives places out that its later self gave to
    /// other events.
    @discardableResult
    static func renew(in folder: DataFolder) throws(StartFailure) -> String {
        let name = "n" + String(UInt64.random(in: .min ... .max), radix: 16)
        try folder.save(JSONValue.object(["node": .string(name)]).bytes, as: folder.nodeFile)
        folder.sync()
        return name
    }
}
