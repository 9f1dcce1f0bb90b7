// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

/// What an evaluation sees besides the document and the user; immutable, made anew when one of its parts changes.
public struct Surroundings: Sendable {
    /// The client's environment, such as `["tier": "staging"]`; nil takes the document's `default_environment`.
    public var environment: JSONObject?
    /// Attributes of every user, under the user's own.
    public var globalCustomFields = JSONObject()
    /// ID lists by name.
    public var idLists: [String: IDList] = [:]
    /// Values that win over the document's.
    public var overrides: LocalOverrides?
    /// Looks the country up from the user's IP address where a rule asks for it.
    public var looksUpCountries = true
    /// The current time in Unix milliseconds; asked only where a rule depends on it.
    public var now: @Sendable () -> Int64
    /// A number from 0 up to 1, evenly spread; asked only where contextual bandits explore and where sessions are sampled.
    public var random: @Sendable () -> Double

    /// Makes surroundings without anything but a clock and a source of chance, which is by default none: always 0.5.
    public init(now: @escaping @Sendable () -> Int64, random: @escaping @Sendable () -> Double = { 0.5 }) {
        self.now = now
        self.random = random
    }
}

/// Values that win over the document's, by name, for one unit or for everyone.
public struct LocalOverrides: Sendable, Hashable {
    /// What one name answers, by unit ID; the empty optional is everyone.
    public struct Table<Value: Sendable & Hashable>: Sendable, Hashable {
        private var byName: [ExactText: [ExactText?: Value]] = [:]

        /// Makes a table without entries.
        public init() {}

        /// Whether there is no entry.
        public var isEmpty: Bool { byName.isEmpty }

        /// Answers `name` with `value` for the unit, or for everyone if `id` is nil.
        public mutating func set(_ name: String, for id: String?, to value: Value) {
            byName[ExactText(name), default: [:]][id.map(ExactText.init)] = value
        }

        /// Forgets the entry for the unit, or all entries of `name` if `id` is nil.
        public mutating func remove(_ name: String, for id: String?) {
            guard let id else {
                byName[ExactText(name)] = nil
                return
            }
            byName[ExactText(name)]?[ExactText(id)] = nil
            if byName[ExactText(name)]?.isEmpty == true { byName[ExactText(name)] = nil }
        }

        /// The value for `user`: by user ID, then by each custom ID, then for everyone.
        public func value(_ name: String, for user: FloodgateUser) -> Value? {
            guard let entries = byName[ExactText(name)] else { return nil }
            if let id = user.userID.flatMap({ AttributeText.text(of: $0) }), let value = entries[ExactText(id)] {
                return value
            }
            for member in user.customIDs {
                if let id = AttributeText.text(of: member.value), let value = entries[ExactText(id)] { return value }
            }
            return entries[nil]
        }
    }

    /// What an experiment answers.
    public enum ExperimentOverride: Sendable, Hashable {
        /// These parameters.
        case value(JSONObject)
        /// The parameters of the group with this name.
        case group(String)
    }

    /// Gates.
    public var gates = Table<Bool>()
    /// Dynamic configs, as the config API sees them.
    public var dynamicConfigs = Table<JSONObject>()
    /// Experiments, as the experiment API sees them.
    public var experiments = Table<ExperimentOverride>()
    /// Layers.
    public var layers = Table<JSONObject>()
    /// Parameter stores.
    public var parameterStores = Table<JSONObject>()

    /// Makes overrides without entries.
    public init() {}

    /// Whether nothing is overridden.
    public var isEmpty: Bool {
        gates.isEmpty && dynamicConfigs.isEmpty && experiments.isEmpty && layers.isEmpty && parameterStores.isEmpty
    }
}
