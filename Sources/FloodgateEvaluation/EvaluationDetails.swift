// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Where the specs of an evaluation came from.
public enum SpecSource: Sendable, Hashable {
    /// Nobody has initialised the client.
    case uninitialized
    /// Initialisation runs, or the first answer said that there is nothing new.
    case loading
    /// Initialisation ended without a document.
    case noValues
    /// A Floodgate or Statsig server, over HTTP.
    case network
    /// Bytes that the application handed over.
    case bootstrap
    /// The application's data store.
    case dataStore
    /// A file on disk, among them the last known good document.
    case file

    /// The source as Statsig's SDKs spell it in events.
    public var wireName: String {
        switch self {
        case .uninitialized: "Uninitialized"
        case .loading: "Loading"
        case .noValues: "NoValues"
        case .network: "Network"
        case .bootstrap: "Bootstrap"
        case .dataStore: "Adapter(DataStore)"
        case .file: "Adapter(FileBased)"
        }
    }
}

/// What became of an evaluation; `wireName` alone spells it for events, as in `Network:Recognized`.
@nonexhaustive public enum EvaluationReason: Sendable, Hashable {
    /// There are no specs yet: the source says why.
    case noSpecs(SpecSource)
    /// The specs know the name.
    case recognized(from: SpecSource)
    /// The specs do not know the name.
    case unrecognized(from: SpecSource)
    /// A condition has a type or an operator that no evaluator knows.
    case unsupported(from: SpecSource)
    /// A local override decided.
    case localOverride
    /// A sticky assignment decided.
    case persisted
    /// The evaluation was given up: gates nested too deep, or in a circle.
    case error(String)

    /// The reason as Statsig's SDKs spell it in events.
    public var wireName: String {
        switch self {
        case .noSpecs(let source): source == .loading ? "Loading:Unrecognized" : source.wireName
        case .recognized(let source): source.wireName + ":Recognized"
        case .unrecognized(let source): source.wireName + ":Unrecognized"
        case .unsupported(let source): source.wireName + ":Unsupported"
        case .localOverride: "LocalOverride:Recognized"
        case .persisted: "Persisted"
        case .error(let message): "Error:" + message
        }
    }
}

/// Why an evaluation came out as it did, and how old the specs behind it are.
public struct EvaluationDetails: Sendable, Hashable {
    /// What became of the evaluation.
    public var reason: EvaluationReason
    /// When the document last changed, in Unix milliseconds; nil without specs.
    public var time: UInt64?
    /// When the document was received, in Unix milliseconds; nil without specs.
    public var receivedAt: Int64?
    /// Whether an ID list was asked on the way.
    public var usedIDList: Bool

    /// Makes details.
    public init(reason: EvaluationReason, time: UInt64? = nil, receivedAt: Int64? = nil, usedIDList: Bool = false) {
        self.reason = reason
        self.time = time
        self.receivedAt = receivedAt
        self.usedIDList = usedIDList
    }
}

/// A gate that was asked on the way to a result.
public struct SecondaryExposure: Sendable, Hashable {
    /// The gate's name.
    public var gate: String
    /// The gate's own value, before a `fail_gate` turns it around.
    public var value: Bool
    /// The rule that decided.
    public var ruleID: String

    /// Makes an exposure of a gate.
    public init(gate: String, value: Bool, ruleID: String) {
        self.gate = gate
        self.value = value
        self.ruleID = ruleID
    }
}
