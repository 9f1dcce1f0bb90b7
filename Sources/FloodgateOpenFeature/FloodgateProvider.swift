// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import Floodgate
public import FloodgateFlags
public import FloodgateJSON
internal import Synchronization

/// A `FloodgateClient` as an OpenFeature provider.
///
/// Gates are boolean flags. Dynamic configs, experiments and layers are objects, and their parameters are flags of their
/// own under the name, a dot and the parameter, as in `checkout_copy.title`. Resolving a flag logs its exposure; a layer
/// as a whole logs one for each of its parameters. What the client's `stickyStore` keeps is heeded.
///
/// The provider is ready when the client is: it may be initialised and shut down here, or by whoever runs the client.
public final class FloodgateProvider: FeatureProvider {
    /// What suits most programs.
    public struct Options: Sendable {
        /// For how long nobody may have said that the specs are the newest, before they count as stale; 5 min by default.
        ///
        /// Nil never counts them so, and they never are while a stream is open or where there is nobody to ask.
        public var staleAfter: Duration? = .seconds(300)

        /// Makes options with the defaults above.
        public init() {}
    }

    /// The client that answers.
    public let client: FloodgateClient
    /// Who this is: `floodgate`.
    public let metadata = ProviderMetadata(name: "floodgate")

    private let options: Options
    private let context = Mutex(EvaluationContext())
    private let announcer = Announcer()
    private let subscription: Subscription

    /// Makes a provider over a client, initialised or not.
    public init(_ client: FloodgateClient, options: Options = Options()) {
        self.client = client
        self.options = options
        let (told, staleAfter) = (self.announcer, options.staleAfter)
        // The client must not hold on to the provider, nor to itself.
        subscription = client.subscribe(to: [.specsUpdated, .failed, .streamEnded]) { [weak client] _ in
            if let client { told.look(at: client, staleAfter) }
        }
    }

    deinit {
        client.unsubscribe(subscription)
        announcer.finish()
    }

    /// Whether flags can be resolved.
    public var status: ProviderStatus { look().status }

    /// Initialises the client; returns within its `initTimeout`, while it goes on trying.
    @discardableResult public func initialize(_ context: EvaluationContext) async -> FlagError? {
        self.context.withLock { $0 = context }
        let details = await client.initialize()
        let state = look()
        guard state.status == .notReady || state.status == .error else { return nil }
        let message = details.failure?.description ?? "There are no specs: \(details.source.wireName)"
        let error = FlagError(.providerNotReady, message)
        // The client still tries; that the provider is not ready in time is an error all the same.
        if state.status == .notReady { announcer.tell(.error(error)) }
        return error
    }

    /// Sends the events that wait and stops the client, within its `shutdownTimeout`.
    public func shutdown() async {
        await client.shutdown()
        look()
    }

    /// What happens to the provider from now on; a reader that is slow misses the oldest beyond 100.
    public func events() -> AsyncStream<ProviderEvent> { announcer.stream() }

    /// Resolves a gate, or a boolean parameter.
    public func resolve(_ key: String, default: Bool, context: EvaluationContext) -> ResolutionDetails<Bool> {
        resolve(key, .boolean, context, `default`, \.boolValue)
    }

    /// Resolves a parameter that is a text.
    public func resolve(_ key: String, default: String, context: EvaluationContext) -> ResolutionDetails<String> {
        resolve(key, .string, context, `default`, \.stringValue)
    }

    /// Resolves a parameter that is an integer; a number that was written with a fraction is none.
    public func resolve(_ key: String, default: Int, context: EvaluationContext) -> ResolutionDetails<Int> {
        resolve(key, .integer, context, `default`) { value in value.integerValue.flatMap { Int(exactly: $0) } }
    }

    /// Resolves a parameter that is a number, integers included.
    public func resolve(_ key: String, default: Double, context: EvaluationContext) -> ResolutionDetails<Double> {
        resolve(key, .double, context, `default`, \.doubleValue)
    }

    /// Resolves a dynamic config, an experiment, a layer, or a parameter that is an object.
    public func resolve(_ key: String, default: JSONObject, context: EvaluationContext) -> ResolutionDetails<JSONObject>
    {
        resolve(key, .object, context, `default`, \.objectValue)
    }

    /// Logs an event; nothing if the context cannot be read.
    public func track(_ name: String, context: EvaluationContext, value: Double?, attributes: JSONObject) {
        let context = self.context.withLock { $0 }.merging(context)
        guard let user = try? FloodgateUser(context) else { return }
        var texts: [String: String] = [:]
        for member in attributes { texts[member.name] = member.value.stringValue ?? member.value.text }
        client.logEvent(name, for: user, value: value.map(JSONValue.double), metadata: texts)
    }

    private func resolve<Value>(
        _ key: String,
        _ type: FlagType,
        _ context: EvaluationContext,
        _ default: Value,
        _ read: (JSONValue) -> Value?
    ) -> ResolutionDetails<Value> {
        do throws(FlagError) {
            let state = look()
            guard state.status != .notReady else {
                throw FlagError(.providerNotReady, "The provider is not initialised, or was shut down")
            }
            let user = try FloodgateUser(self.context.withLock { $0 }.merging(context))
            let view = client.view
            let flag = try view.flag(key, as: type, for: user)
            let details = try flag.details(as: type)
            guard let value = read(details.value) else { throw FlagError(.general, "The value does not read") }
            view.expose(flag, for: user)
            var answer = details.map { _ in value }
            if state.status == .stale { answer.reason = .stale }
            return answer
        } catch {
            return ResolutionDetails(default: `default`, error)
        }
    }

    /// Looks at the client, and tells of what has changed since the last time.
    @discardableResult private func look() -> ProviderState {
        announcer.look(at: client, options.staleAfter)
    }
}

extension ClientView: FlagSource {
    /// The gate.
    package func gate(_ name: String, for user: FloodgateUser) -> GateEvaluation { evaluator.gate(name, for: user) }

    /// The dynamic config.
    package func dynamicConfig(_ name: String, for user: FloodgateUser) -> ConfigEvaluation {
        evaluator.dynamicConfig(name, for: user)
    }

    /// Logs that the user was served the flag.
    fileprivate func expose(_ flag: Flag, for user: FloodgateUser) {
        switch flag.entity {
        case .gate(let name, let evaluation): expose(gate: name, evaluation, for: user)
        case .config(let name, let evaluation): expose(config: name, evaluation, for: user)
        case .layer(let name, let evaluation):
            for parameter in flag.parameter.map({ [$0] }) ?? evaluation.value?.names ?? [] {
                expose(layer: name, evaluation, parameter: parameter, for: user)
            }
        }
    }
}
