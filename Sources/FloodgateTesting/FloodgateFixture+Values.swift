// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import Floodgate

/// Fixed values, for one unit (a user ID or a custom ID) or, without an ID, for everyone.
///
/// An ID's value wins over everyone's, both win over the document's. They hold from the next check on, are the client's
/// own overrides, and are logged with the rule `override`.
extension FloodgateFixture {
    /// Opens or closes a gate.
    ///
    /// ```swift
    /// flags.setGate("new_checkout", to: true)
    /// flags.setGate("new_checkout", to: false, forID: "u-1")
    /// ```
    public func setGate(_ name: String, to value: Bool, forID id: String? = nil) {
        client.overrideGate(name, to: value, forID: id)
    }

    /// Gives a dynamic config these parameters, and no others.
    ///
    /// ```swift
    /// flags.setDynamicConfig("catalog_page", to: ["page_size": 20])
    /// ```
    public func setDynamicConfig(_ name: String, to value: JSONObject, forID id: String? = nil) {
        client.overrideDynamicConfig(name, to: value, forID: id)
    }

    /// Gives an experiment these parameters, and no others.
    ///
    /// ```swift
    /// flags.setExperiment("checkout_copy", to: ["title": "Pay now"], forID: "u-1")
    /// ```
    public func setExperiment(_ name: String, to value: JSONObject, forID id: String? = nil) {
        client.overrideExperiment(name, to: value, forID: id)
    }

    /// Gives an experiment the parameters of one of its groups, which the document must have.
    ///
    /// As with every override of the client, `groupName` stays nil; a program that asks for it wants
    /// `TestDocument.Experiment.assigned`.
    ///
    /// ```swift
    /// flags.setExperiment("checkout_copy", toGroup: "Treatment", forID: "u-1")
    /// ```
    public func setExperiment(_ name: String, toGroup group: String, forID id: String? = nil) {
        client.overrideExperiment(name, toGroup: group, forID: id)
    }

    /// Gives a layer these parameters, and no others.
    ///
    /// ```swift
    /// flags.setLayer("search_page", to: ["suggestions": 5])
    /// ```
    public func setLayer(_ name: String, to value: JSONObject, forID id: String? = nil) {
        client.overrideLayer(name, to: value, forID: id)
    }

    /// Gives a parameter store these parameters, and no others.
    ///
    /// ```swift
    /// flags.setParameterStore("limits", to: ["uploads": 3])
    /// ```
    public func setParameterStore(_ name: String, to value: JSONObject, forID id: String? = nil) {
        client.overrideParameterStore(name, to: value, forID: id)
    }

    /// Forgets all values that were set, so that the document decides again.
    public func removeAllValues() { client.removeAllOverrides() }
}
