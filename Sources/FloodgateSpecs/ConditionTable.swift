// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

/// Conditions by id, in the order of the document.
public struct ConditionTable: Sendable, Hashable {
    /// The ids in order.
    public private(set) var ids: [String] = []
    private var byID: [ExactText: Condition] = [:]

    /// Makes an empty table.
    public init() {}

    /// The condition with `id`; setting one appends a new id at the end.
    public subscript(id: String) -> Condition? {
        get { byID[ExactText(id)] }
        set {
            if byID[ExactText(id)] == nil, newValue != nil { ids.append(id) }
            if newValue == nil { ids.removeAll { $0 == id } }
            byID[ExactText(id)] = newValue
        }
    }

    /// Adds a condition whose id is known to be new.
    mutating func append(_ condition: Condition, as id: String) {
        ids.append(id)
        byID[ExactText(id)] = condition
    }

    /// The id of `condition`, which is added if no entry is equal to it.
    ///
    /// Ids are the decimal FNV-1a hash of the condition's JSON text, so that equal conditions share an entry in every document.
    public mutating func intern(_ condition: Condition) -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in condition.json.bytes { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        while true {
            let id = String(hash)
            guard let other = byID[ExactText(id)] else {
                self[id] = condition
                return id
            }
            if other == condition { return id }
            hash &+= 1
        }
    }
}
