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
        var response = ClientResponse(
            ruleset: ruleset ?? Self.empty,
            surroundings: surroundings,
            user: user,
            options: options
        )
        return response.make() ?? response.blank()
    }
}

struct ClientResponse {
    let ruleset: Ruleset
    let surroundings: Surroundings
    let user: FloodgateUser
    let options: ClientResponseOptions
    let app: JSONValue?
    private let filtersByApp: Bool

    init(ruleset: Ruleset, surroundings: Surroundings, user: FloodgateUser, options: ClientResponseOptions) {
        self.ruleset = ruleset
        self.surroundings = surroundings
        self.user = user
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
    }

    /// What the core answers where an entity cannot be evaluated: not even the kind of hash.
    func blank() -> JSONObject {
        var object = JSONObject()
        for part in ["feature_gates", "dynamic_configs", "layer_configs", "param_stores"] { object[part] = [:] }
        object["time"] = 0
        object["has_updates"] = false
        object["hash_used"] = ""
        object["user"] = .object(
            user.wireObject(environment: environment, globalCustomFields: surroundings.globalCustomFields)
        )
        object["evaluated_keys"] = [:]
        object["sdkParams"] = [:]
        object.set("pa_hash", privateAttributesHash().map(JSONValue.string))
        return object
    }

    /// The response, or nil if an entity could not be evaluated.
    mutating func make() -> JSONObject? {
        var gates = JSONObject()
        for index in ruleset.gateSpecs where isShown(index) {
            guard let entry = gate(index) else { return nil }
            if let entry = entry.object { gates[entry["name"]?.stringValue ?? ""] = .object(entry) }
        }
        var configs = JSONObject()
        for index in ruleset.configSpecs where isShown(index) {
            guard let entry = config(index) else { return nil }
            configs[entry["name"]?.stringValue ?? ""] = .object(entry)
        }
        for bandit in ruleset.bandits.values.sorted(by: { $0.name < $1.name }) where isOfApp(bandit.targetApps) {
            let name = options.hash(bandit.name)
            guard let outcome = evaluate(-1, named: bandit.name, as: .experiment) else { return nil }
            var entry = head(name, outcome)
            addValue(of: outcome, to: &entry)
            entry.set("group_name", ruleset.optionalText(outcome.groupName).map(JSONValue.string))
            if outcome.isInLayer { entry["is_in_layer"] = true }
            if outcome.explicitParameters >= 0 { entry["explicit_parameters"] = texts(outcome.explicitParameters) }
            configs[name] = .object(entry)
        }
        var layers = JSONObject()
        for index in ruleset.layerSpecs where isShown(index) {
            guard let entry = layer(index) else { return nil }
            layers[entry["name"]?.stringValue ?? ""] = .object(entry)
        }
        var object = JSONObject()
        object["feature_gates"] = .object(gates)
        object["dynamic_configs"] = .object(configs)
        object["layer_configs"] = .object(layers)
        object["param_stores"] = .object(parameterStores())
        object["time"] = .number(
            ruleset.time <= UInt64(Int64.max) ? .integer(Int64(ruleset.time)) : .unsigned(ruleset.time)
        )
        object["has_updates"] = true
        object["hash_used"] = .string(options.hash.rawValue)
        object["user"] = .object(
            user.wireObject(environment: environment, globalCustomFields: surroundings.globalCustomFields)
        )
        object["evaluated_keys"] = .object(evaluatedKeys())
        object["sdkParams"] = [:]
        object.set("pa_hash", privateAttributesHash().map(JSONValue.string))
        addSessionReplay(to: &object)
        return object
    }

    private var environment: JSONObject? {
        surroundings.environment ?? ruleset.defaultEnvironment.map { ["tier": .string($0)] }
    }

    private func isShown(_ index: Int32) -> Bool {
        let spec = ruleset.specs[Int(index)]
        if spec.entity == .segment || spec.entity == .holdout { return false }
        if options.removesExperimentsInLayers, spec.entity == .experiment, spec.isInLayer == true { return false }
        return isOfApp(spec.targetApps >= 0 ? ruleset.textLists[Int(spec.targetApps)] : nil)
    }

    private func isOfApp(_ apps: [String]?) -> Bool {
        guard filtersByApp else { return true }
        guard let app = app.flatMap({ AttributeText.text(of: $0) }) else { return false }
        return apps?.contains { $0.isExactly(app) } ?? false
    }

    private func evaluate(_ index: Int32, as kind: Kind) -> Outcome? {
        evaluate(index, named: ruleset.text(ruleset.specs[Int(index)].name), as: kind)
    }

    private func evaluate(_ index: Int32, named name: String, as kind: Kind) -> Outcome? {
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
        return outcome
    }

    // MARK: Entries

    private func head(_ index: Int32, _ outcome: Outcome) -> JSONObject {
        head(options.hash(ruleset.text(ruleset.specs[Int(index)].name)), outcome)
    }

    private func head(_ hashedName: String, _ outcome: Outcome) -> JSONObject {
        var object = JSONObject()
        object["name"] = .string(hashedName)
        object["rule_id"] = .string(ruleset.ruleID(outcome))
        object["secondary_exposures"] = exposures(outcome.exposures)
        return object
    }

    private func gate(_ index: Int32) -> (object: JSONObject?, Void)? {
        guard let outcome = evaluate(index, as: .gate) else { return nil }
        if options.removesDefaultValueGates, !outcome.bool, outcome.ruleID == .default, outcome.exposures.isEmpty {
            return (nil, ())
        }
        var object = head(index, outcome)
        object["value"] = .bool(outcome.bool)
        if !options.removesIDType, outcome.idType.index >= 0 {
            object["id_type"] = .string(ruleset.text(outcome.idType))
        }
        return (object, ())
    }

    private func config(_ index: Int32) -> JSONObject? {
        let spec = ruleset.specs[Int(index)]
        let isConfig = spec.entity == .dynamicConfig
        guard let outcome = evaluate(index, as: isConfig ? .config : .experiment) else { return nil }
        var object = head(index, outcome)
        addValue(of: outcome, to: &object)
        if isConfig {
            object["passed"] = .bool(outcome.bool)
            return object
        }
        object.set("group_name", ruleset.optionalText(outcome.groupName).map(JSONValue.string))
        if outcome.isInLayer { object["is_in_layer"] = true }
        if outcome.explicitParameters >= 0 {
            object["explicit_parameters"] = texts(outcome.explicitParameters)
        }
        if spec.entity == .experiment {
            object["is_experiment_active"] = .bool(outcome.isActive)
            object["is_user_in_experiment"] = .bool(outcome.isExperimentGroup)
        }
        return object
    }

    private func layer(_ index: Int32) -> JSONObject? {
        guard let outcome = evaluate(index, as: .layer) else { return nil }
        var object = head(index, outcome)
        addValue(of: outcome, to: &object)
        object.set("group_name", ruleset.optionalText(outcome.groupName).map(JSONValue.string))
        object["explicit_parameters"] = texts(outcome.explicitParameters)
        if let delegate = ruleset.optionalText(outcome.delegate) {
            object["allocated_experiment_name"] = .string(options.hash(delegate))
            object["is_experiment_active"] = .bool(outcome.isActive)
            object["is_user_in_experiment"] = .bool(outcome.isExperimentGroup)
        }
        object["undelegated_secondary_exposures"] = exposures(outcome.extras.undelegated ?? [])
        if let ruleIDs = outcome.extras.parameterRuleIDs {
            object["parameter_rule_ids"] = .object(ruleIDs)
        }
        return object
    }

    private func addValue(of outcome: Outcome, to object: inout JSONObject) {
        switch ruleset.rawValue(outcome) {
        case nil: object["value"] = .null
        case .number, .string, .array: object["value"] = [:]
        case let value?: object["value"] = value
        }
        object["group"] = .string(ruleset.ruleID(outcome))
        let idType = ruleset.text(outcome.idType)
        if !options.removesIDType { object["id_type"] = .string(idType) }
        object["is_device_based"] = .bool(idType == "stableID" || idType == "stableid")
    }

    private func texts(_ list: Int32) -> JSONValue {
        list < 0 ? [] : .array(ruleset.textLists[Int(list)].map(JSONValue.string))
    }

    /// Hashed, without later duplicates.
    private func exposures(_ list: [SecondaryExposure]) -> JSONValue {
        var seen: Set<SecondaryExposure> = []
        return .array(
            list.filter { seen.insert($0).inserted }.map { exposure in
                var object = JSONObject()
                object["gate"] = .string(options.hash(exposure.gate))
                object["gateValue"] = exposure.value ? "true" : "false"
                object["ruleID"] = .string(exposure.ruleID)
                return .object(object)
            }
        )
    }

    // MARK: The rest of the response

    private func parameterStores() -> JSONObject {
        var stores = JSONObject()
        for store in ruleset.parameterStores {
            guard isOfApp(store.value["targetAppIDs"]?.arrayValue?.compactMap(\.stringValue)) else { continue }
            var parameters = JSONObject()
            for parameter in store.value["parameters"]?.objectValue ?? JSONObject() {
                parameters[parameter.name] = .object(self.parameter(parameter.name, parameter.value))
            }
            stores[options.hash(store.name)] = .object(parameters)
        }
        return stores
    }

    /// The members of the form that a parameter has, in the core's order of forms; others are left out.
    private func parameter(_ name: String, _ json: JSONValue) -> JSONObject {
        let forms = [
            ["value"], ["gate_name", "pass_value", "fail_value"], ["config_name", "param_name"],
            ["experiment_name", "param_name"], ["layer_name", "param_name"],
        ]
        var object: JSONObject = ["name": .string(name)]
        object.set("ref_type", json["ref_type"])
        object.set("param_type", json["param_type"])
        for member in forms.first(where: { $0.allSatisfy { json[$0] != nil } }) ?? [] {
            let isTarget = member != "param_name" && member.utf8.reversed().starts(with: "_name".utf8.reversed())
            object.set(member, isTarget ? json[member]?.stringValue.map { .string(options.hash($0)) } : json[member])
        }
        return object
    }

    private func evaluatedKeys() -> JSONObject {
        var keys = JSONObject()
        if let id = user.userID.flatMap({ AttributeText.text(of: $0) }), !id.isEmpty { keys["userID"] = .string(id) }
        if !user.customIDs.isEmpty {
            keys["customIDs"] = .object(
                JSONObject(user.customIDs.map { ($0.name, .string(AttributeText.text(of: $0.value) ?? "")) })
            )
        }
        return keys
    }

    private func privateAttributesHash() -> String? {
        guard !user.privateAttributes.isEmpty else { return nil }
        let sum = user.privateAttributes.reduce(UInt32(0)) { sum, member in
            sum &+ NameHash.djb2("\(member.name):\(AttributeText.text(of: member.value) ?? "")")
        }
        return String(sum)
    }

    private func addSessionReplay(to object: inout JSONObject) {
        guard let info = ruleset.sessionReplay else { return }
        let random = surroundings.random()
        func isSampled(_ rate: JSONValue?) -> Bool { rate?.doubleValue.map { random <= $0 } ?? true }
        var canRecord = isSampled(info["sampling_rate"])
        if let blocked = info["recording_blocked"]?.boolValue {
            object["recording_blocked"] = .bool(blocked)
            if blocked { canRecord = false }
        }
        object.set("session_recording_rate", info["sampling_rate"])
        if let gate = info["targeting_gate"]?.stringValue {
            var session = Session()
            session.ignoresOverrides = !options.includesLocalOverrides
            var outcome = Outcome()
            ruleset.evaluate(
                ruleset.gateTable.find(gate),
                named: gate,
                as: .gate,
                for: user,
                in: surroundings,
                &session,
                into: &outcome
            )
            object["passes_session_recording_targeting"] = .bool(outcome.bool)
            if !outcome.bool { canRecord = false }
        }
        object["can_record_session"] = .bool(canRecord)
        object.set("session_recording_privacy_settings", info["session_recording_privacy_settings"])
        for name in ["session_recording_event_triggers", "session_recording_exposure_triggers"] {
            guard let triggers = info[name]?.objectValue else { continue }
            let hashes = name == "session_recording_exposure_triggers"
            object[name] = .object(
                JSONObject(
                    triggers.map { trigger in
                        var copy = JSONObject()
                        copy.set("values", trigger.value["values"])
                        if let rate = trigger.value["sampling_rate"], !rate.isNull {
                            copy["passes_sampling"] = .bool(isSampled(rate))
                        }
                        return (hashes ? options.hash(trigger.name) : trigger.name, .object(copy))
                    }
                )
            )
        }
    }
}
