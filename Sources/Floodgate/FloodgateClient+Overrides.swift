// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
public import FloodgateJSON

/// Values that win over the document's, for one unit (a user ID or a custom ID) or, without an ID, for everyone.
///
/// An ID's override wins over everyone's, of two overrides that match by custom IDs the one whose ID the user names
/// first. They survive new documents and work before the first one.
extension FloodgateClient {
    /// Answers the gate with `value`.
    public func overrideGate(_ name: String, to value: Bool, forID id: String? = nil) {
        state.specs.override { $0.gates.set(name, for: id, to: value) }
    }

    /// Answers the dynamic config with `value`; the experiment of that name, if there is one, is left alone.
    public func overrideDynamicConfig(_ name: String, to value: JSONObject, forID id: String? = nil) {
        state.specs.override { $0.dynamicConfigs.set(name, for: id, to: value) }
    }

    /// Answers the experiment with `value`.
    public func overrideExperiment(_ name: String, to value: JSONObject, forID id: String? = nil) {
        state.specs.override { $0.experiments.set(name, for: id, to: .value(value)) }
    }

    /// Answers the experiment with the parameters of the group with this name.
    public func overrideExperiment(_ name: String, toGroup group: String, forID id: String? = nil) {
        state.specs.override { $0.experiments.set(name, for: id, to: .group(group)) }
    }

    /// Answers the layer with `value`.
    public func overrideLayer(_ name: String, to value: JSONObject, forID id: String? = nil) {
        state.specs.override { $0.layers.set(name, for: id, to: value) }
    }

    /// Answers the parameter store with `value`.
    public func overrideParameterStore(_ name: String, to value: JSONObject, forID id: String? = nil) {
        state.specs.override { $0.parameterStores.set(name, for: id, to: value) }
    }

    /// Forgets the gate's override for the ID, or all of its overrides.
    public func removeGateOverride(_ name: String, forID id: String? = nil) {
        state.specs.override { $0.gates.remove(name, for: id) }
    }

    /// Forgets the dynamic config's override for the ID, or all of its overrides.
    public func removeDynamicConfigOverride(_ name: String, forID id: String? = nil) {
        state.specs.override { $0.dynamicConfigs.remove(name, for: id) }
    }

    /// Forgets the experiment's override for the ID, or all of its overrides.
    public func removeExperimentOverride(_ name: String, forID id: String? = nil) {
        state.specs.override { $0.experiments.remove(name, for: id) }
    }

    /// Forgets the layer's override for the ID, or all of its overrides.
    public func removeLayerOverride(_ name: String, forID id: String? = nil) {
        state.specs.override { $0.layers.remove(name, for: id) }
    }

    /// Forgets the parameter store's override for the ID, or all of its overrides.
    public func removeParameterStoreOverride(_ name: String, forID id: String? = nil) {
        state.specs.override { $0.parameterStores.remove(name, for: id) }
    }

    /// Forgets all overrides.
    public func removeAllOverrides() { state.specs.override { $0 = LocalOverrides() } }
}
