// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON

/// The record that a unit was served a result, read out of an event for people to look at.
public struct Exposure: Sendable, Hashable {
    /// What was evaluated, with what only that kind has.
    @nonexhaustive public enum Kind: Sendable, Hashable {
        /// A gate, with its answer if the event tells it.
        case gate(value: Bool?)
        /// A dynamic config or an experiment; whether a rule passed, if the event tells it.
        case config(rulePassed: Bool?)
        /// One parameter of a layer, and the experiment that it came from; nil if from none.
        case layer(parameter: String, allocatedExperiment: String?, isExplicit: Bool)

        /// The kind in one word: `gate`, `config` or `layer`.
        public var name: String {
            switch self {
            case .gate: "gate"
            case .config: "config"
            case .layer: "layer"
            }
        }
    }

    /// What was evaluated.
    public var kind: Kind
    /// The name of the gate, config, experiment or layer; a client SDK may only know its hash.
    public var name: String
    /// The rule that decided; empty if none did.
    public var ruleID: String
    /// Why, as SDKs spell it, such as `Network:Recognized`; nil if the event does not tell.
    public var reason: String?
    /// The version of the spec, if the event tells it.
    public var version: Int64?
    /// The unit: the user ID, or else the first custom ID that there is; nil for nobody.
    public var unitID: String?
    /// When the evaluation happened by the client's clock, in Unix milliseconds.
    public var time: Int64
    /// Whether the application asked for the exposure by itself.
    public var isManual: Bool

    /// Reads `event` as an exposure, or is nil if it is something else.
    public init?(_ event: Event) {
        let metadata = event.metadata ?? JSONObject()
        func text(_ name: String) -> String? { metadata[name].flatMap(Self.text) }
        func flag(_ name: String) -> Bool? { text(name).flatMap { Bool($0.lowercased()) } }

        switch event.name {
        case InternalEventName.gateExposure:
            kind = .gate(value: flag("gateValue"))
            name = text("gate") ?? ""
        case InternalEventName.configExposure:
            kind = .config(rulePassed: flag("rulePassed"))
            name = text("config") ?? ""
        case InternalEventName.layerExposure:
            let experiment = text("allocatedExperiment") ?? ""
            kind = .layer(
                parameter: text("parameterName") ?? "",
                allocatedExperiment: experiment.isEmpty ? nil : experiment,
                isExplicit: flag("isExplicitParameter") ?? false
            )
            name = text("config") ?? ""
        default: return nil
        }
        ruleID = text("ruleID") ?? ""
        reason = text("reason")
        version = text("configVersion").flatMap { Int64($0) }
        unitID = event.unitID
        time = event.time
        isManual = flag("isManualExposure") ?? false
    }

    /// A text, number or boolean as text; SDKs differ in which of them they send.
    static func text(_ value: JSONValue) -> String? {
        switch value {
        case .string(let text): text
        case .bool, .number: value.text
        case .null, .array, .object: nil
        }
    }
}

extension Event {
    /// The unit that the event is about: the user ID, or else the first custom ID that there is.
    public var unitID: String? {
        guard let user else { return nil }
        let candidates = [user["userID"]] + (user["customIDs"]?.objectValue ?? JSONObject()).map(\.value)
        for case let candidate? in candidates {
            if let text = Exposure.text(candidate), !text.isEmpty { return text }
        }
        return nil
    }

    /// Whether the event says that a unit was served a result.
    public var isExposure: Bool {
        switch name {
        case InternalEventName.gateExposure, InternalEventName.configExposure, InternalEventName.layerExposure: true
        default: false
        }
    }
}
