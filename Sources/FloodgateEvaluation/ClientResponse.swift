// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

/// What a client-initialize response is made for.
public struct ClientResponseOptions: Sendable, Hashable {
    /// How names are written; djb2 by default, as all client SDKs understand it.
    public var hash = NameHash.djb2
    /// The client key that the response is for; decides the app if the document maps keys to apps.
    public var clientSDKKey: String?
    /// The app that the response is for; wins over the key's.
    public var targetAppID: String?
    /// Lets local overrides show in the response.
    public var includesLocalOverrides = false
    /// Leaves the kind of unit out of every entry.
    public var removesIDType = false
    /// Leaves out gates that are false by default and asked nothing on the way.
    public var removesDefaultValueGates = false
    /// Leaves out experiments that live in a layer.
    public var removesExperimentsInLayers = false
    /// Names of gates to show; nil shows all.
    public var gates: Set<String>?
    /// Names of dynamic configs to show; nil shows all.
    public var dynamicConfigs: Set<String>?
    /// Names of experiments, autotunes and bandits to show; nil shows all.
    public var experiments: Set<String>?
    /// Names of layers to show; nil shows all.
    public var layers: Set<String>?
    /// Names of parameter stores to show; nil shows all.
    public var parameterStores: Set<String>?

    /// Makes options with the defaults above.
    public init() {}
}

extension Evaluator {
    /// Everything that a web or mobile SDK needs to answer for one user: the body of a client-initialize response.
    ///
    /// All entities are evaluated without logging; segments and holdouts are left out. Shape: version 1 of the format.
    /// `sdkInfo` and `generator` are the caller's to add. If one entity's gates are nested too deep the whole response is
    /// blank, as in Statsig's Rust core.
    public func clientInitializeResponse(
        for user: FloodgateUser,
        options: ClientResponseOptions = ClientResponseOptions()
    ) -> JSONObject {
        let limits = JSONLimits(depth: 512, sizeBytes: .max)
        let json = try? JSONValue(parsing: clientInitializeBytes(for: user, options: options), limits: limits)
        return json?.objectValue ?? JSONObject()
    }

    /// The client-initialize response as JSON text.
    /// - Parameters:
    ///   - user: who is evaluated.
    ///   - shown: the user that the response names, where that is not the one who is evaluated.
    ///   - options: what the response is made for.
    ///   - additions: members to stand at the end.
    /// - Returns: compact JSON in UTF-8.
    public func clientInitializeBytes(
        for user: FloodgateUser,
        showing shown: FloodgateUser? = nil,
        options: ClientResponseOptions = ClientResponseOptions(),
        adding additions: JSONObject = JSONObject()
    ) -> [UInt8] {
        withClientInitializeBytes(for: user, showing: shown, options: options) { _ in
            additions
        } body: {
            Array($0)
        }
    }

    /// Reads the same in place, with members at the end that may depend on what entities are to the user, as `additions` is
    /// shown.
    package func withClientInitializeBytes<Result>(
        for user: FloodgateUser,
        showing shown: FloodgateUser?,
        options: ClientResponseOptions,
        adding additions: (UnsafeBufferPointer<UInt8>) -> JSONObject,
        body: (UnsafeBufferPointer<UInt8>) -> Result
    ) -> Result {
        var response = ClientResponse(
            ruleset: compiled,
            surroundings: surroundings,
            user: user,
            shown: shown ?? user,
            options: options
        )
        if !response.make(additions) { response.blank(additions) }
        return response.writer.withBytes(body)
    }
}

extension ClientResponseOptions {
    /// The names to show of what is of this kind; nil shows all.
    fileprivate func names(of kind: EntityKind) -> Set<String>? {
        switch kind {
        case .gate, .segment, .holdout: gates
        case .dynamicConfig: dynamicConfigs
        case .layer: layers
        case .experiment, .autotune, .other: experiments
        }
    }
}

struct ClientResponse: ~Copyable {
    let ruleset: Ruleset
    let surroundings: Surroundings
    let user: FloodgateUser
    let shown: FloodgateUser
    let options: ClientResponseOptions
    let app: JSONValue?
    var writer: JSONWriter
    /// Whether no member was written yet into the object that is open.
    var isFirst = true
    let filtersByApp: Bool
    let filtersByName: Bool
    /// Whether plain specs may be decided without the state of a full evaluation.
    let decidesPlainSpecs: Bool

    init(
        ruleset: Ruleset,
        surroundings: Surroundings,
        user: FloodgateUser,
        shown: FloodgateUser,
        options: ClientResponseOptions
    ) {
        self.ruleset = ruleset
        // Most entries are shorter, so that it seldom grows, which is to copy it all.
        writer = JSONWriter(capacity: 4_096 + ruleset.specs.count * 192)
        self.surroundings = surroundings
        self.user = user
        self.shown = shown
        self.options = options
        if let target = options.targetAppID {
            app = .string(target)
        } else if let key = options.clientSDKKey {
            app = ruleset.apps.app(ofClientKey: key)
        } else {
            app = ruleset.apps.own
        }
        filtersByApp =
            app.flatMap { AttributeText.text(of: $0) } != nil
            && (options.clientSDKKey != nil || options.targetAppID != nil)
        filtersByName =
            options.gates != nil || options.dynamicConfigs != nil || options.experiments != nil || options.layers != nil
        decidesPlainSpecs = surroundings.overrides == nil || !options.includesLocalOverrides
    }

    /// What the core answers where an entity cannot be evaluated: not even the kind of hash.
    mutating func blank(_ additions: (UnsafeBufferPointer<UInt8>) -> JSONObject) {
        writer.removeAll()
        writer.raw(
            """
            {"feature_gates":{},"dynamic_configs":{},"layer_configs":{},"param_stores":{},"time":0,"has_updates":false,\
            "hash_used":"","user":
            """
        )
        writeUser()
        writer.raw(",\"evaluated_keys\":{},\"sdkParams\":{}")
        finish(JSONObject(), additions(UnsafeBufferPointer(start: nil, count: 0)))
    }

    /// Writes the response, unless an entity cannot be evaluated.
    mutating func make(_ additions: (UnsafeBufferPointer<UInt8>) -> JSONObject) -> Bool {
        writer.raw("{\"feature_gates\":{")
        isFirst = true
        for index in ruleset.gateSpecs where isShown(index) {
            guard writeGate(index) else { return false }
        }
        writer.raw("},\"dynamic_configs\":{")
        isFirst = true
        for index in ruleset.configSpecs where isShown(index) {
            guard writeConfig(index) else { return false }
        }
        for bandit in ruleset.bandits.values.sorted(by: { $0.name < $1.name })
        where isOfApp(bandit.targetApps) && options.experiments?.contains(bandit.name) ?? true {
            guard writeBandit(bandit) else { return false }
        }
        writer.raw("},\"layer_configs\":{")
        isFirst = true
        for index in ruleset.layerSpecs where isShown(index) {
            guard writeLayer(index) else { return false }
        }
        writer.raw("},\"param_stores\":")
        writer.write(parameterStores())
        let entities = writer.count
        writer.raw(",\"time\":")
        writer.write(unsigned: ruleset.time)
        writer.raw(",\"has_updates\":true,\"hash_used\":\"")
        writer.raw(options.hash.rawValue.utf8)
        writer.raw("\",\"user\":")
        writeUser()
        writer.raw(",\"evaluated_keys\":")
        writer.write(evaluatedKeys())
        writer.raw(",\"sdkParams\":{}")
        finish(sessionReplay(), writer.withBytes { additions(UnsafeBufferPointer(rebasing: $0[..<entities])) })
        return true
    }

    mutating func writeUser() {
        let environment = surroundings.environment ?? ruleset.defaultEnvironment.map { ["tier": .string($0)] }
        writer.write(
            shown.wireObject(environment: environment, globalCustomFields: surroundings.globalCustomFields)
        )
    }

    mutating func finish(_ sessionReplay: JSONObject, _ additions: JSONObject) {
        if let hash = privateAttributesHash() {
            writer.raw(",\"pa_hash\":")
            writer.write(hash)
        }
        for list in [sessionReplay, additions] {
            for member in list {
                writer.raw(",")
                writer.write(member.name)
                writer.raw(":")
                writer.write(member.value)
            }
        }
        writer.raw("}")
    }

    func isShown(_ index: Int32) -> Bool {
        let spec = ruleset.specs.pointer(to: index)
        if spec.pointee.entity == .segment || spec.pointee.entity == .holdout { return false }
        if options.removesExperimentsInLayers, spec.pointee.entity == .experiment, spec.pointee.isInLayer == true {
            return false
        }
        if filtersByName, let names = options.names(of: spec.pointee.entity) {
            guard names.contains(ruleset.text(spec.pointee.name)) else { return false }
        }
        guard filtersByApp else { return true }
        return isOfApp(spec.pointee.targetApps >= 0 ? ruleset.textLists[Int(spec.pointee.targetApps)] : nil)
    }

    func isOfApp(_ apps: [String]?) -> Bool {
        guard filtersByApp else { return true }
        guard let app = app.flatMap({ AttributeText.text(of: $0) }) else { return false }
        return apps?.contains { $0.isExactly(app) } ?? false
    }

    // MARK: Evaluating

    /// What an entry says of one evaluation.
    struct Entry {
        var ruleID: String
        var isDefault: Bool
        var groupName: String?
        var bool: Bool
        var value: JSONValue?
        var idType: String?
        var isActive: Bool
        var isExperimentGroup: Bool
        var isInLayer: Bool
        var explicitParameters: Int32
        var exposures: [SecondaryExposure] = []
        var undelegated: [SecondaryExposure] = []
        var delegate: String?
        var parameterRuleIDs: JSONObject?
    }

    func evaluate(_ index: Int32, as kind: Kind) -> Entry? {
        if decidesPlainSpecs, let spec = ruleset.plainSpec(index, as: kind) { return decide(spec, index, as: kind) }
        return evaluate(index, named: ruleset.text(ruleset.specs[Int(index)].name), as: kind)
    }

    func decide(_ spec: UnsafePointer<CompiledSpec>, _ index: Int32, as kind: Kind) -> Entry {
        let decision = ruleset.decide(spec, for: user.storage, in: surroundings)
        let answer = ruleset.pooledAnswers.answers.pointer(to: ruleset.answer(decision, of: index)).pointee
        var value: JSONValue?
        if kind != .gate {
            let place =
                decision.rule >= 0 && decision.passes
                ? ruleset.rules.pointer(to: decision.rule).pointee.returnValue : spec.pointee.defaultValue
            value = ruleset.values.pointer(to: place).pointee
        }
        return Entry(
            ruleID: answer.ruleID,
            isDefault: decision.rule < 0
                ? spec.pointee.isEnabled : ruleset.rules.pointer(to: decision.rule).pointee.id == .default,
            groupName: answer.groupName,
            bool: answer.passed,
            value: value,
            idType: answer.spec.idType,
            isActive: answer.isExperimentActive,
            isExperimentGroup: answer.isUserInExperiment,
            isInLayer: spec.pointee.isInLayer ?? false,
            explicitParameters: spec.pointee.explicitParameters
        )
    }

    func evaluate(_ index: Int32, named name: String, as kind: Kind) -> Entry? {
        var session = Session()
        if let app { session.makeRare().app = app }
        session.ignoresOverrides = !options.includesLocalOverrides
        var outcome = Outcome()
        ruleset.evaluate(
            index,
            named: name,
            as: kind,
            for: user,
            in: surroundings,
            &session,
            into: &outcome
        )
        if session.isTooDeep { return nil }
        outcome.settle()
        return Entry(
            ruleID: ruleset.ruleID(outcome),
            isDefault: outcome.ruleID == .default,
            groupName: ruleset.optionalText(outcome.groupName),
            bool: outcome.bool,
            value: ruleset.rawValue(outcome),
            idType: ruleset.optionalText(outcome.idType),
            isActive: outcome.isActive,
            isExperimentGroup: outcome.isExperimentGroup,
            isInLayer: outcome.isInLayer,
            explicitParameters: outcome.explicitParameters,
            exposures: outcome.exposures,
            undelegated: outcome.extras.undelegated ?? [],
            delegate: ruleset.optionalText(outcome.delegate),
            parameterRuleIDs: outcome.extras.parameterRuleIDs
        )
    }
}
