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
        var response = ClientResponse(
            ruleset: compiled,
            surroundings: surroundings,
            user: user,
            shown: shown ?? user,
            options: options
        )
        return response.make(additions) ?? response.blank(additions)
    }
}

struct ClientResponse: ~Copyable {
    let ruleset: Ruleset
    let surroundings: Surroundings
    let user: FloodgateUser
    let shown: FloodgateUser
    let options: ClientResponseOptions
    let app: JSONValue?
    var writer = JSONWriter(capacity: 1 << 14)
    /// Whether no member was written yet into the object that is open.
    private var isFirst = true
    private let filtersByApp: Bool
    /// Whether plain specs may be decided without the state of a full evaluation.
    private let decidesPlainSpecs: Bool

    init(
        ruleset: Ruleset,
        surroundings: Surroundings,
        user: FloodgateUser,
        shown: FloodgateUser,
        options: ClientResponseOptions
    ) {
        self.ruleset = ruleset
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
        decidesPlainSpecs = surroundings.overrides == nil || !options.includesLocalOverrides
    }

    /// What the core answers where an entity cannot be evaluated: not even the kind of hash.
    mutating func blank(_ additions: JSONObject) -> [UInt8] {
        writer.removeAll()
        writer.raw(
            """
            {"feature_gates":{},"dynamic_configs":{},"layer_configs":{},"param_stores":{},"time":0,"has_updates":false,\
            "hash_used":"","user":
            """
        )
        writeUser()
        writer.raw(",\"evaluated_keys\":{},\"sdkParams\":{}")
        finish(JSONObject(), additions)
        return writer.bytes
    }

    /// The response, or nil if an entity could not be evaluated.
    mutating func make(_ additions: JSONObject) -> [UInt8]? {
        writer.raw("{\"feature_gates\":{")
        isFirst = true
        for index in ruleset.gateSpecs where isShown(index) {
            guard writeGate(index) else { return nil }
        }
        writer.raw("},\"dynamic_configs\":{")
        isFirst = true
        for index in ruleset.configSpecs where isShown(index) {
            guard writeConfig(index) else { return nil }
        }
        for bandit in ruleset.bandits.values.sorted(by: { $0.name < $1.name }) where isOfApp(bandit.targetApps) {
            guard writeBandit(bandit) else { return nil }
        }
        writer.raw("},\"layer_configs\":{")
        isFirst = true
        for index in ruleset.layerSpecs where isShown(index) {
            guard writeLayer(index) else { return nil }
        }
        writer.raw("},\"param_stores\":")
        writer.write(parameterStores())
        writer.raw(",\"time\":")
        writer.write(unsigned: ruleset.time)
        writer.raw(",\"has_updates\":true,\"hash_used\":\"")
        writer.raw(options.hash.rawValue.utf8)
        writer.raw("\",\"user\":")
        writeUser()
        writer.raw(",\"evaluated_keys\":")
        writer.write(evaluatedKeys())
        writer.raw(",\"sdkParams\":{}")
        finish(sessionReplay(), additions)
        return writer.bytes
    }

    private mutating func writeUser() {
        let environment = surroundings.environment ?? ruleset.defaultEnvironment.map { ["tier": .string($0)] }
        writer.write(
            shown.wireObject(environment: environment, globalCustomFields: surroundings.globalCustomFields)
        )
    }

    private mutating func finish(_ sessionReplay: JSONObject, _ additions: JSONObject) {
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

    private func isShown(_ index: Int32) -> Bool {
        let spec = ruleset.specs.pointer(to: index)
        if spec.pointee.entity == .segment || spec.pointee.entity == .holdout { return false }
        if options.removesExperimentsInLayers, spec.pointee.entity == .experiment, spec.pointee.isInLayer == true {
            return false
        }
        guard filtersByApp else { return true }
        return isOfApp(spec.pointee.targetApps >= 0 ? ruleset.textLists[Int(spec.pointee.targetApps)] : nil)
    }

    private func isOfApp(_ apps: [String]?) -> Bool {
        guard filtersByApp else { return true }
        guard let app = app.flatMap({ AttributeText.text(of: $0) }) else { return false }
        return apps?.contains { $0.isExactly(app) } ?? false
    }

    // MARK: Evaluating

    /// What an entry says of one evaluation.
    private struct Entry {
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

    private func evaluate(_ index: Int32, as kind: Kind) -> Entry? {
        if decidesPlainSpecs, let spec = ruleset.plainSpec(index, as: kind) { return decide(spec, index, as: kind) }
        return evaluate(index, named: ruleset.text(ruleset.specs[Int(index)].name), as: kind)
    }

    private func decide(_ spec: UnsafePointer<CompiledSpec>, _ index: Int32, as kind: Kind) -> Entry {
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

    private func evaluate(_ index: Int32, named name: String, as kind: Kind) -> Entry? {
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

    // MARK: Entries

    /// Writes the start of an entry, up to its secondary exposures.
    @inline(__always)
    private mutating func begin(_ name: String, ruleID: String) {
        if isFirst { isFirst = false } else { writer.raw(",") }
        let start = writer.count
        switch options.hash {
        case .none: writer.write(name)
        case .djb2:
            writer.raw("\"")
            writer.write(integer: Int64(NameHash.djb2(name)))
            writer.raw("\"")
        case .sha256: writer.write(options.hash(name))
        }
        let end = writer.count
        writer.raw(":{\"name\":")
        writer.repeat(start..<end)
        writer.raw(",\"rule_id\":")
        writer.write(ruleID)
    }

    /// Writes the start of an entry, up to and with its secondary exposures.
    private mutating func begin(_ name: String, _ entry: borrowing Entry) {
        begin(name, ruleID: entry.ruleID)
        writer.raw(",\"secondary_exposures\":")
        write(entry.exposures)
    }

    /// The entry of a gate without nested ones, which most are, straight from its ready answer.
    private mutating func writePlainGate(_ spec: UnsafePointer<CompiledSpec>, _ index: Int32) {
        let decision = ruleset.decide(spec, for: user.storage, in: surroundings)
        let answer = ruleset.pooledAnswers.answers.pointer(to: ruleset.answer(decision, of: index))
        begin(ruleset.texts.pointer(to: spec.pointee.name.index).pointee, ruleID: answer.pointee.ruleID)
        if options.removesIDType {
            writer.raw(
                answer.pointee.passed
                    ? ",\"secondary_exposures\":[],\"value\":true}" : ",\"secondary_exposures\":[],\"value\":false}"
            )
            return
        }
        writer.raw(
            answer.pointee.passed
                ? ",\"secondary_exposures\":[],\"value\":true,\"id_type\":"
                : ",\"secondary_exposures\":[],\"value\":false,\"id_type\":"
        )
        writer.write(answer.pointee.spec.idType)
        writer.raw("}")
    }

    private mutating func writeGate(_ index: Int32) -> Bool {
        if decidesPlainSpecs, !options.removesDefaultValueGates, let spec = ruleset.plainSpec(index, as: .gate) {
            writePlainGate(spec, index)
            return true
        }
        guard let entry = evaluate(index, as: .gate) else { return false }
        if options.removesDefaultValueGates, !entry.bool, entry.isDefault, entry.exposures.isEmpty { return true }
        begin(ruleset.text(ruleset.specs.pointer(to: index).pointee.name), entry)
        writer.raw(entry.bool ? ",\"value\":true" : ",\"value\":false")
        if !options.removesIDType, let idType = entry.idType {
            writer.raw(",\"id_type\":")
            writer.write(idType)
        }
        writer.raw("}")
        return true
    }

    private mutating func writeConfig(_ index: Int32) -> Bool {
        let kind = ruleset.specs.pointer(to: index).pointee.entity
        guard let entry = evaluate(index, as: kind == .dynamicConfig ? .config : .experiment) else { return false }
        begin(ruleset.text(ruleset.specs.pointer(to: index).pointee.name), entry)
        writeValue(entry)
        if kind == .dynamicConfig {
            writer.raw(entry.bool ? ",\"passed\":true}" : ",\"passed\":false}")
            return true
        }
        writeGroup(entry)
        if kind == .experiment { writeExperimentState(entry) }
        writer.raw("}")
        return true
    }

    private mutating func writeBandit(_ bandit: Bandit) -> Bool {
        guard let entry = evaluate(-1, named: bandit.name, as: .experiment) else { return false }
        begin(bandit.name, entry)
        writeValue(entry)
        writeGroup(entry)
        writer.raw("}")
        return true
    }

    private mutating func writeLayer(_ index: Int32) -> Bool {
        guard let entry = evaluate(index, as: .layer) else { return false }
        begin(ruleset.text(ruleset.specs.pointer(to: index).pointee.name), entry)
        writeValue(entry)
        if let group = entry.groupName {
            writer.raw(",\"group_name\":")
            writer.write(group)
        }
        writer.raw(",\"explicit_parameters\":")
        writeTexts(entry.explicitParameters)
        if let delegate = entry.delegate {
            writer.raw(",\"allocated_experiment_name\":")
            writer.write(options.hash(delegate))
            writeExperimentState(entry)
        }
        writer.raw(",\"undelegated_secondary_exposures\":")
        write(entry.undelegated)
        if let ruleIDs = entry.parameterRuleIDs {
            writer.raw(",\"parameter_rule_ids\":")
            writer.write(ruleIDs)
        }
        writer.raw("}")
        return true
    }

    private mutating func writeValue(_ entry: borrowing Entry) {
        writer.raw(",\"value\":")
        switch entry.value {
        case nil: writer.raw("null")
        case .number, .string, .array: writer.raw("{}")
        case let value?: writer.write(value)
        }
        writer.raw(",\"group\":")
        writer.write(entry.ruleID)
        let idType = entry.idType ?? ""
        if !options.removesIDType {
            writer.raw(",\"id_type\":")
            writer.write(idType)
        }
        let isDevice = idType.isExactly("stableID") || idType.isExactly("stableid")
        writer.raw(isDevice ? ",\"is_device_based\":true" : ",\"is_device_based\":false")
    }

    private mutating func writeGroup(_ entry: borrowing Entry) {
        if let group = entry.groupName {
            writer.raw(",\"group_name\":")
            writer.write(group)
        }
        if entry.isInLayer { writer.raw(",\"is_in_layer\":true") }
        if entry.explicitParameters >= 0 {
            writer.raw(",\"explicit_parameters\":")
            writeTexts(entry.explicitParameters)
        }
    }

    private mutating func writeExperimentState(_ entry: borrowing Entry) {
        writer.raw(entry.isActive ? ",\"is_experiment_active\":true" : ",\"is_experiment_active\":false")
        writer.raw(
            entry.isExperimentGroup ? ",\"is_user_in_experiment\":true" : ",\"is_user_in_experiment\":false"
        )
    }

    private mutating func writeTexts(_ list: Int32) {
        writer.raw("[")
        if list >= 0 {
            for (index, text) in ruleset.textLists[Int(list)].enumerated() {
                if index > 0 { writer.raw(",") }
                writer.write(text)
            }
        }
        writer.raw("]")
    }

    /// Hashed, without later duplicates.
    private mutating func write(_ exposures: [SecondaryExposure]) {
        if exposures.isEmpty { return writer.raw("[]") }
        var seen: Set<ExactExposure> = []
        var isFirst = true
        writer.raw("[")
        for exposure in exposures where exposures.count == 1 || seen.insert(ExactExposure(exposure)).inserted {
            writer.raw(isFirst ? "{\"gate\":" : ",{\"gate\":")
            isFirst = false
            writer.write(options.hash(exposure.gate))
            writer.raw(exposure.value ? ",\"gateValue\":\"true\",\"ruleID\":" : ",\"gateValue\":\"false\",\"ruleID\":")
            writer.write(exposure.ruleID)
            writer.raw("}")
        }
        writer.raw("]")
    }

    /// An exposure that is equal to another only if its texts have the same bytes.
    private struct ExactExposure: Hashable {
        let gate: ExactText
        let value: Bool
        let ruleID: ExactText

        init(_ exposure: SecondaryExposure) {
            gate = ExactText(exposure.gate)
            value = exposure.value
            ruleID = ExactText(exposure.ruleID)
        }
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

    private func sessionReplay() -> JSONObject {
        var object = JSONObject()
        guard let info = ruleset.sessionReplay else { return object }
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
        return object
    }
}
