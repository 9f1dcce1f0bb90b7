// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateWarehouse

/// A column as it is made today, and what earlier builds and servers gave it.
struct ClickHouseColumn: Sendable, Hashable {
    var name: String
    var type: String
    /// What compresses it, as the server spells it; nil leaves that to the server.
    var codec: String?

    /// What earlier builds chose, as the server spells it; empty is nothing, which 18.16 and the first build left behind.
    ///
    /// Only added to. Whatever is neither here nor `codec` is somebody's choice, or that of a later build, and stays.
    private static let earlierCodecs: Set = ["", "CODEC(Delta(8), ZSTD(1))"]

    init(_ name: String, _ type: String, codec: String? = nil) {
        self.name = name
        self.type = type
        self.codec = codec
    }

    /// What a table's definition says.
    var definition: String { codec.map { "\(name) \(type) \($0)" } ?? "\(name) \(type)" }

    /// Whether a column that has `found` is to get `codec` instead.
    func isOutdated(_ found: String) -> Bool {
        codec.map { $0 != found } == true && Self.earlierCodecs.contains(found)
    }

    /// Whether values of this column can be inserted as bytes into one of the type `found`.
    func isLaidOut(as found: String) -> Bool { Self.layout(of: found) == Self.layout(of: type) }

    /// The type without what changes how values are kept, but not how they are written.
    private static func layout(of type: String) -> Substring {
        let words = "LowCardinality("
        if type.hasPrefix(words), type.hasSuffix(")") { return type.dropFirst(words.count).dropLast() }
        return type == "Bool" ? "UInt8" : type[...]
    }
}
