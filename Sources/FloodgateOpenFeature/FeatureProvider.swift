// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateFlags
public import FloodgateJSON

/// Where flags come from, in the terms of OpenFeature's specification, so that a program can change its provider.
///
/// Nothing throws, and resolving neither blocks nor suspends: whatever goes wrong, the caller's default is the value, and
/// `ResolutionDetails.error` says why. Hooks are the business of an OpenFeature SDK, not of a provider's.
public protocol FeatureProvider: Sendable {
    /// Who this is.
    var metadata: ProviderMetadata { get }

    /// Whether flags can be resolved.
    var status: ProviderStatus { get }

    /// Makes the provider ready.
    /// - Parameter context: What is added to every context that a flag is resolved for, which wins where both speak.
    /// - Returns: Why the provider is not ready; nil if it is.
    @discardableResult func initialize(_ context: EvaluationContext) async -> FlagError?

    /// Sends what waits and lets go of everything; the provider is not ready from then on.
    func shutdown() async

    /// What happens to the provider from now on.
    func events() -> AsyncStream<ProviderEvent>

    /// Resolves a boolean flag.
    func resolve(_ key: String, default: Bool, context: EvaluationContext) -> ResolutionDetails<Bool>

    /// Resolves a text.
    func resolve(_ key: String, default: String, context: EvaluationContext) -> ResolutionDetails<String>

    /// Resolves an integer; a number that was written with a fraction is none.
    func resolve(_ key: String, default: Int, context: EvaluationContext) -> ResolutionDetails<Int>

    /// Resolves a number, integers included.
    func resolve(_ key: String, default: Double, context: EvaluationContext) -> ResolutionDetails<Double>

    /// Resolves an object.
    func resolve(_ key: String, default: JSONObject, context: EvaluationContext) -> ResolutionDetails<JSONObject>

    /// Reports that something happened to whom the context speaks of.
    /// - Parameters:
    ///   - name: What happened, such as `purchase`.
    ///   - context: To whom.
    ///   - value: A number that belongs to the event, such as a price.
    ///   - attributes: Whatever else is worth knowing.
    func track(_ name: String, context: EvaluationContext, value: Double?, attributes: JSONObject)
}

extension FeatureProvider {
    /// Makes the provider ready; nothing is added to contexts.
    @discardableResult public func initialize() async -> FlagError? { await initialize(EvaluationContext()) }

    /// Reports that something happened, without more to say of it.
    public func track(_ name: String, context: EvaluationContext) {
        track(name, context: context, value: nil, attributes: JSONObject())
    }
}

/// Who a provider is.
public struct ProviderMetadata: Sendable, Hashable {
    /// The provider's name.
    public var name: String

    /// Makes metadata.
    public init(name: String) { self.name = name }
}

/// Whether a provider can resolve flags, in OpenFeature's spelling.
@nonexhaustive public enum ProviderStatus: String, Sendable, CaseIterable {
    /// It was not initialised, or was shut down.
    case notReady = "NOT_READY"
    /// It resolves flags.
    case ready = "READY"
    /// It resolves flags from specs that nobody has confirmed for too long.
    case stale = "STALE"
    /// It was initialised and has nothing to resolve flags from; it goes on trying.
    case error = "ERROR"
}

/// Something that happened to a provider.
@nonexhaustive public enum ProviderEvent: Sendable, Hashable {
    /// `PROVIDER_READY`: flags can be resolved, for the first time or again.
    case ready
    /// `PROVIDER_ERROR`: flags cannot be resolved.
    case error(FlagError)
    /// `PROVIDER_STALE`: nobody has said for so long that the specs are the newest.
    case stale(age: Duration)
    /// `PROVIDER_CONFIGURATION_CHANGED`: flags may resolve to other values from now on; any of them.
    case configurationChanged
}
