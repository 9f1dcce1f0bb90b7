// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FoundationEssentials

/// Up to where an edge's events were sent on, and under which names.
///
/// Upstream knows a batch by a name and its position. A folder that was put back from a copy gives positions out again that
/// its later self had given to other batches; so each start of an edge has a name of its own for what it takes in.
package struct ForwardingMark: Sendable, Hashable {
    /// A stretch of the log and what it is called upstream.
    private struct Stretch: Sendable, Hashable {
        var edge: String
        /// The position of its last batch; nil for the stretch that goes on.
        var end: Int64?
    }

    /// The position of the last batch that is kept upstream; 0 if none is.
    package private(set) var position: Int64 = 0
    /// In the log's order; the last one goes on.
    private var stretches: [Stretch]

    /// The mark of a log of which nothing was sent on.
    package init() { stretches = [Stretch(edge: Self.newName())] }

    /// Reads the file; a new mark if there is none that reads.
    package init(file: String) {
        self.init()
        guard let content = try? Data(contentsOf: URL(filePath: file)),
            let json = try? JSONValue(parsing: [UInt8](content)),
            let position = json["position"]?.integerValue, position >= 0
        else { return }
        var stretches: [Stretch] = []
        for item in json["stretches"]?.arrayValue ?? [] {
            guard let edge = item["edge"]?.stringValue, stretches.last.map({ $0.end != nil }) ?? true else { return }
            stretches.append(Stretch(edge: edge, end: item["end"]?.integerValue))
        }
        // As it was written before stretches had names of their own.
        if stretches.isEmpty, let edge = json["edge"]?.stringValue { stretches = [Stretch(edge: edge)] }
        guard !stretches.isEmpty else { return }
        self.position = position
        self.stretches = stretches
    }

    /// What follows the log's last position until now gets a name that nobody has used.
    package mutating func begin(behind last: Int64) {
        if let index = stretches.indices.last, stretches[index].end == nil { stretches[index].end = last }
        stretches.append(Stretch(edge: Self.newName()))
        forget()
    }

    /// What the batch at `position` is called by.
    package func edge(of position: Int64) -> String {
        let stretch = stretches.first { $0.end.map { position <= $0 } ?? true }
        return stretch?.edge ?? ""
    }

    /// The batch at `position`, and all before it, are kept upstream.
    package mutating func advance(to position: Int64) {
        self.position = position
        forget()
    }

    private mutating func forget() {
        stretches.removeAll { $0.end.map { $0 <= position } ?? false }
    }

    /// Writes the file, so that it lasts.
    package func keep(in folder: DataFolder, as file: String) throws(StartFailure) {
        let stretches = stretches.map { stretch -> JSONValue in
            var object: JSONObject = ["edge": .string(stretch.edge)]
            object.set("end", stretch.end.map { .integer($0) })
            return .object(object)
        }
        let json: JSONValue = ["position": .integer(position), "stretches": .array(stretches)]
        try folder.save(json.bytes, as: file)
    }

    private static func newName() -> String {
        let text = String(UInt64.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }
}
