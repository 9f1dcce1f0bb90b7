// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FoundationEssentials

/// Up to where an edge's events were sent on, and under which name.
struct ForwardingMark: Sendable, Hashable {
    /// What the log is called upstream; another one for another log, whose positions begin anew.
    var edge: String
    /// The position of the last batch that is kept upstream; 0 if none is.
    var position: Int64

    /// The mark of a log of which nothing was sent on.
    init() {
        edge = ForwardingMark.digits(UInt64.random(in: .min ... .max))
        position = 0
    }

    /// Reads the file; a new mark if there is none that reads.
    init(file: String) {
        self.init()
        guard let content = try? Data(contentsOf: URL(filePath: file)),
            let json = try? JSONValue(parsing: [UInt8](content)),
            let edge = json["edge"]?.stringValue, let position = json["position"]?.integerValue, position >= 0
        else { return }
        self.edge = edge
        self.position = position
    }

    /// Writes the file, so that it lasts.
    func keep(in folder: DataFolder, as file: String) throws(StartFailure) {
        let json: JSONValue = ["edge": .string(edge), "position": .integer(position)]
        try folder.save(json.bytes, as: file)
    }

    private static func digits(_ number: UInt64) -> String {
        let text = String(number, radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }
}
