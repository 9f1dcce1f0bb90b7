// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON
internal import FloodgateEvents

/// The record that a user was served a result, as the server would have got it.
///
/// ```swift
/// let exposure = await flags.exposures(of: "new_checkout").first
/// #expect(exposure?.kind == .gate(value: true))
/// #expect(exposure?.unitID == "u-1")
/// ```
public struct RecordedExposure: Sendable, Hashable {
    /// What the user was served a result of.
    @nonexhaustive public enum Kind: Sendable, Hashable {
        /// A gate, with its answer.
        case gate(value: Bool)
        /// A dynamic config or an experiment: servers do not tell one from the other here.
        case config
        /// One parameter of a layer.
        case layer(parameter: String)
    }

    /// What was evaluated.
    public let kind: Kind
    /// Its name.
    public let name: String
    /// The user's ID, or else the first custom ID that there is; nil for nobody.
    public let unitID: String?
    /// All that the server is told of the user; private attributes are not.
    public let user: JSONObject
    /// The rule that decided; `override` for a value that the test has set.
    public let ruleID: String
    /// Why, as `EvaluationReason.wireName` spells it, such as `LocalOverride:Recognized`.
    public let reason: String?
    /// The gates that were asked on the way, in order.
    public let secondaryGates: [String]
    /// Whether the application logged it by itself, such as with `logGateExposure`.
    public let isManual: Bool
    /// When it happened by the fixture's clock, in Unix milliseconds.
    public let time: Int64

    init?(_ event: Event) {
        guard let exposure = Exposure(event) else { return nil }
        switch exposure.kind {
        case .gate(let value): kind = .gate(value: value ?? false)
        case .layer(let parameter, _, _): kind = .layer(parameter: parameter)
        default: kind = .config
        }
        name = exposure.name
        unitID = exposure.unitID
        user = event.user ?? JSONObject()
        ruleID = exposure.ruleID
        reason = exposure.reason
        secondaryGates = event.secondaryExposures.compactMap { $0["gate"]?.stringValue }
        isManual = exposure.isManual
        time = exposure.time
    }
}
