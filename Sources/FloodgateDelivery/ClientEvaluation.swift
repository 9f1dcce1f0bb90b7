// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateEvaluation
package import FloodgateJSON

/// Evaluates on behalf of clients that do not get the specs: web and mobile SDKs, and programs that use the HTTP API.
package struct ClientEvaluation: Sendable {
    /// What is known of a client beside what it sends.
    package struct Caller: Sendable {
        /// The client key, if it is one; decides the target app.
        package var clientKey: String?
        /// The address that stands in for a user without `ip`.
        package var address: String?
        /// The browser that stands in for a user without `userAgent`.
        package var userAgent: String?

        package init(clientKey: String? = nil, address: String? = nil, userAgent: String? = nil) {
            self.clientKey = clientKey
            self.address = address
            self.userAgent = userAgent
        }
    }

    /// What answers.
    package let evaluator: Evaluator
    private let time: UInt64
    /// The same for the document before, which a client may hold.
    private let earlier: Evaluator?
    private let caller: Caller

    /// Makes an evaluation of `snapshot` for `caller`, who may hold answers of `earlier`.
    package init(
        _ snapshot: PreparedSnapshot,
        after earlier: PreparedSnapshot? = nil,
        idLists: [String: IDList],
        caller: Caller,
        now: @escaping @Sendable () -> Int64
    ) {
        var surroundings = Surroundings(now: now)
        surroundings.idLists = idLists
        evaluator = Evaluator(snapshot.ruleset, from: .network, surroundings: surroundings)
        time = snapshot.time
        self.earlier = earlier.map { Evaluator($0.ruleset, from: .network, surroundings: surroundings) }
        self.caller = caller
    }

    /// The answer to a client SDK's `initialize`, as JSON text.
    ///
    /// There is nothing new if the client has the document, and the same would come of it: a client that says what came of
    /// it (`full_checksum`) is told of changes that ID lists or time make, too.
    package func initialize(_ request: JSONObject) -> [UInt8] { initialize(request) { Array($0) } }

    /// The same, read in place.
    package func initialize<Result>(
        _ request: JSONObject,
        body: (UnsafeBufferPointer<UInt8>) -> Result
    ) -> Result {
        let sent = sentUser(request)
        let user = completed(sent)
        let derived = Self.derivedFields(of: user)
        let held = request["sinceTime"]?.integerValue ?? 0
        let isCurrent = held > 0 && UInt64(held) >= time
        let heldChecksum = request["full_checksum"]?.stringValue
        if isCurrent, heldChecksum == nil {
            let previous = request["previousDerivedFields"]?.objectValue
            if previous == nil || previous == derived {
                return PreparedSnapshot.nothingNew.withUnsafeBufferPointer(body)
            }
        }
        var options = ClientResponseOptions()
        options.hash = request["hash"]?.stringValue.flatMap(NameHash.init) ?? .djb2
        // Plain names tell a visitor about features to come; only those who have the specs anyway may see them.
        if options.hash == .none, caller.clientKey != nil { options.hash = .djb2 }
        options.clientSDKKey = caller.clientKey
        if heldChecksum != nil, !isCurrent, wantsDelta(request),
            let delta = delta(to: heldChecksum, for: user, showing: sent, options, derived)
        {
            return delta.withUnsafeBufferPointer(body)
        }
        var checksum = ""
        return evaluator.withClientInitializeBytes(for: user, showing: sent, options: options) { entities in
            checksum = AnswerChecksum.text(of: UnsafeRawBufferPointer(entities))
            return Self.additions(checksum, derived)
        } body: { bytes in
            isCurrent && heldChecksum == checksum
                ? PreparedSnapshot.nothingNew.withUnsafeBufferPointer(body) : body(bytes)
        }
    }

    private static func additions(_ checksum: String, _ derived: JSONObject) -> JSONObject {
        [
            "derived_fields": .object(derived), "full_checksum": .string(checksum),
            "sdkInfo": ["sdkType": "floodgate"], "generator": "floodgate",
        ]
    }

    /// Whether a client asks for what is new alone, and holds the document before this one.
    package func wantsDelta(_ request: JSONObject) -> Bool {
        guard request["deltasResponseRequested"] == true, let held = request["sinceTime"]?.integerValue, held > 0
        else { return false }
        return earlier?.ruleset?.time == UInt64(held)
    }

    /// What is new for a client whose answer has the checksum `held`; nil if that is not what would come of its document, or
    /// there is little that is not new.
    private func delta(
        to held: String?,
        for user: FloodgateUser,
        showing sent: FloodgateUser,
        _ options: ClientResponseOptions,
        _ derived: JSONObject
    ) -> [UInt8]? {
        func answer(of evaluator: Evaluator) -> (bytes: [UInt8], checksum: String) {
            var checksum = ""
            let bytes = evaluator.withClientInitializeBytes(for: user, showing: sent, options: options) { entities in
                checksum = AnswerChecksum.text(of: UnsafeRawBufferPointer(entities))
                return Self.additions(checksum, derived)
            } body: {
                Array($0)
            }
            return (bytes, checksum)
        }
        guard let earlier else { return nil }
        let old = answer(of: earlier)
        guard old.checksum == held else { return nil }
        return ClientDelta.bytes(from: old.bytes, to: answer(of: evaluator).bytes)
    }

    /// What is known of the user beside what was sent, and decides with it.
    private static func derivedFields(of user: FloodgateUser) -> JSONObject {
        guard let country = user.ip?.stringValue.flatMap(CountryTable.country(ofIPv4Text:)) else { return JSONObject() }
        return ["country": .string(country)]
    }

    /// The user as the request has it, with the stable id that mobile SDKs keep beside it.
    package func sentUser(_ request: JSONObject) -> FloodgateUser {
        var user = FloodgateUser(json: request["user"] ?? [:])
        if user.customIDs["stableID"] == nil, let stableID = request["statsigMetadata"]?["stableID"]?.stringValue {
            user.customIDs["stableID"] = .string(stableID)
        }
        return user
    }

    private func completed(_ user: FloodgateUser) -> FloodgateUser {
        var user = user
        if user.ip == nil { user.ip = caller.address.map(JSONValue.string) }
        if user.userAgent == nil { user.userAgent = caller.userAgent.map(JSONValue.string) }
        return user
    }

    /// The gate as the HTTP API has it, and the evaluation behind it.
    package func gate(_ name: String, _ user: FloodgateUser) -> (answer: JSONObject, evaluation: GateEvaluation) {
        let gate = evaluator.gate(name, for: completed(user))
        let answer: JSONObject = [
            "name": .string(name), "value": .bool(gate.value),
            "rule_id": gate.value ? .string(gate.ruleID) : .null,
            "group_name": gate.value ? .text(gate.groupName) : .null,
        ]
        return (answer, gate)
    }

    /// The config or experiment as the HTTP API has it, and the evaluation behind it.
    package func config(_ name: String, _ user: FloodgateUser) -> (answer: JSONObject, evaluation: ConfigEvaluation) {
        let config = evaluator.experiment(name, for: completed(user))
        let isKnown = config.details.reason.isKnown
        let answer: JSONObject = [
            "name": .string(name), "value": .object(config.value ?? JSONObject()), "group": .string(config.ruleID),
            "rule_id": isKnown ? .string(config.ruleID) : .null, "group_name": .text(config.groupName),
        ]
        return (answer, config)
    }

    /// The layer as the HTTP API has it, and the evaluation behind it, or nil if there is none.
    package func layer(_ name: String, _ user: FloodgateUser) -> (answer: JSONObject, evaluation: LayerEvaluation)? {
        let layer = evaluator.layer(name, for: completed(user))
        guard layer.details.reason.isKnown else { return nil }
        let answer: JSONObject = [
            "name": .string(name), "value": .object(layer.value ?? JSONObject()), "ruleID": .string(layer.ruleID),
            "allocatedExperimentName": .text(layer.allocatedExperiment),
        ]
        return (answer, layer)
    }

    /// The groups of a contextual autotune, the best for the user first, or nil if there is none of that name.
    package func rankedGroups(_ name: String, _ user: FloodgateUser) -> JSONValue? {
        guard evaluator.hasBandit(name) else { return nil }
        let groups = evaluator.rankedGroups(ofBandit: name, for: completed(user))
        return .array(
            groups.map { group in
                [
                    "name": .string(group.name), "value": .object(group.value ?? JSONObject()),
                    "rule_id": .string(group.ruleID), "score": .double(group.score),
                ]
            }
        )
    }
}

extension EvaluationReason {
    /// Whether the specs hold the name that was asked for.
    var isKnown: Bool {
        switch self {
        case .noSpecs, .unrecognized: false
        default: true
        }
    }
}
