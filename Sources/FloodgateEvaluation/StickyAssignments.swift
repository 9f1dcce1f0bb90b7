// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

/// All that is kept for one unit, by the name of the experiment or layer.
public struct StickyAssignments: Sendable, Hashable {
    private var values: [ExactText: StickyValue] = [:]

    /// Makes assignments of a unit for which nothing is kept yet.
    public init() {}

    /// Reads what Statsig's SDKs store under one key; values that cannot be read are left out.
    public init(json: JSONObject) {
        for member in json { self[member.name] = StickyValue(json: member.value) }
    }

    /// What is kept for the experiment or layer of this name.
    public subscript(name: String) -> StickyValue? {
        get { values[ExactText(name)] }
        set { values[ExactText(name)] = newValue }
    }

    /// The names for which something is kept, in the order of their bytes.
    public var names: [String] { values.keys.map(\.text).sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) } }

    /// The assignments as Statsig's SDKs store them under one key.
    public var json: JSONObject { JSONObject(names.lazy.compactMap { name in self[name].map { (name, $0.json) } }) }
}

/// What an evaluation takes from what is kept for the unit, and when it lets go of it.
public struct StickyRequest: Sendable, Hashable {
    /// What is kept; nil makes the evaluation forget the unit's value.
    public var assignments: StickyAssignments?
    /// Lets go of the value of a unit that the experiment's targeting, asked again, now answers.
    public var enforcesTargeting = false
    /// Lets go of the value of a unit that one of the experiment's override rules, asked again, now answers.
    public var enforcesOverrides = false

    /// Makes a request with what is kept for the unit, which may be nothing yet.
    public init(_ assignments: StickyAssignments?) { self.assignments = assignments }
}

/// What is to be stored after an evaluation.
///
/// The key is the unit ID and its type, `u-9:userID`; the name is that of the experiment or layer, or of the one that
/// answered in its place (config mapping).
public enum StickyChange: Sendable, Hashable {
    /// What is stored stays as it is.
    case none
    /// The value is to be stored under the key and the name.
    case save(StickyValue, name: String, key: String)
    /// What is stored under the key and the name is to be forgotten.
    case delete(name: String, key: String)
}
