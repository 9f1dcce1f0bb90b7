// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

extension Ruleset {
    /// Evaluates one condition into `outcome.bool`; one that nobody knows leaves it alone and marks the outcome.
    @inline(__always)
    func evaluate(
        _ condition: CompiledCondition,
        for user: FloodgateUser,
        in surroundings: Surroundings,
        _ session: inout Session,
        into outcome: inout Outcome
    ) {
        switch condition.type {
        case .always:
            outcome.bool = true
            return
        case .gate(let index, let name, let isNegated, let isHidden):
            nested(
                index,
                name,
                isHidden: isHidden,
                isNegated: isNegated,
                for: user,
                in: surroundings,
                &session,
                into: &outcome
            )
            return
        case .unsupported:
            outcome.isUnsupported = true
            return
        default: break
        }
        if condition.operation == .unsupported {
            outcome.isUnsupported = true
            return
        }
        let left: Operand
        switch condition.type {
        case .userAgent: left = userAgent(condition.field, of: user.storage, in: surroundings, &session)
        case .targetApp: left = Operand(session.rare?.app ?? apps.own)
        case .experimentGroup:
            left = experimentGroup(condition.field, for: user, in: surroundings, &session)
            if session.isTooDeep { return }
        default: left = self.left(condition, of: user.storage, in: surroundings, &session.bucket)
        }
        if session.isTraced { traceValue(left, condition, surroundings, session) }
        switch condition.operation {
        case .inSegmentList: outcome.bool = isListed(left, condition, surroundings, &session)
        case .notInSegmentList: outcome.bool = !isListed(left, condition, surroundings, &session)
        default: outcome.bool = compare(left, condition, in: surroundings)
        }
    }

    // MARK: Left values

    /// What a condition looks at; for the types that hang on nothing but the user, the time and the environment.
    @inline(__always)
    func left(
        _ condition: CompiledCondition,
        of user: UserStorage,
        in surroundings: borrowing Surroundings,
        _ memo: inout BucketMemo
    ) -> Operand {
        switch condition.type {
        case .userField: return attribute(condition.field, of: user, in: surroundings)
        case .bucket(let salt): return .bucket(bucket(salt, condition.unit, of: user, &memo))
        case .unit: return Operand(unit(condition.unit, of: user))
        case .ip: return country(condition.field, of: user, in: surroundings)
        case .environment: return environment(condition.field, of: user, in: surroundings)
        case .currentTime: return .time(surroundings.now())
        case .always, .gate, .userAgent, .targetApp, .experimentGroup, .unsupported: return .missing
        }
    }

    @inline(__always)
    func bucket(_ salt: Extent, _ unit: UnitIndex, of user: UserStorage, _ memo: inout BucketMemo) -> Int64 {
        if memo.salt == salt.start, memo.unit == unit.index { return memo.number }
        let number = Int64(hash(salt, unit, of: user) % 1000)
        memo = BucketMemo(salt: salt.start, unit: unit.index, number: number)
        return number
    }

    /// The attribute that a condition names, by the order of the reference's §5.1.
    func attribute(_ field: Int32, of user: UserStorage, in surroundings: borrowing Surroundings) -> Operand {
        guard field >= 0 else { return .missing }
        return attribute(fields[Int(field)], of: user, in: surroundings)
    }

    private func attribute(_ field: FieldName, of user: UserStorage, in surroundings: borrowing Surroundings) -> Operand
    {
        if let builtIn = field.builtIn, let value = Self.member(builtIn, of: user) {
            if case .string(let text) = value {
                if !text.isEmpty { return .json(value) }
            } else if let text = AttributeText.text(of: value), !text.isEmpty {
                return .json(value)
            }
        }
        if let value = Self.member(field, of: user.custom) ?? Self.member(field, of: surroundings.globalCustomFields)
            ?? Self.member(field, of: user.privateAttributes)
        {
            return .json(value)
        }
        if let alias = field.alias { return Operand(Self.member(alias, of: user)) }
        return .missing
    }

    private static func member(_ field: FieldName, of object: JSONObject) -> JSONValue? {
        if object.isEmpty { return nil }
        return object[field.name] ?? object[field.lowercased]
    }

    private static func member(_ name: FieldName.BuiltIn, of user: UserStorage) -> JSONValue? {
        switch name {
        case .userID: user.userID
        case .email: user.email
        case .ip: user.ip
        case .country: user.country
        case .locale: user.locale
        case .appVersion: user.appVersion
        case .userAgent: user.userAgent
        }
    }

    private static let ipField = FieldName("ip")
    private static let userAgentField = FieldName("userAgent")

    private func country(_ field: Int32, of user: UserStorage, in surroundings: borrowing Surroundings) -> Operand {
        let given = attribute(field, of: user, in: surroundings)
        guard case .missing = given, field >= 0, fields[Int(field)].name == "country", surroundings.looksUpCountries,
            let ip = attribute(Self.ipField, of: user, in: surroundings).text,
            let country = CountryTable.country(ofIPv4Text: ip)
        else { return given }
        return .json(.string(country))
    }

    private func userAgent(
        _ field: Int32,
        of user: UserStorage,
        in surroundings: borrowing Surroundings,
        _ session: inout Session
    ) -> Operand {
        let given = attribute(field, of: user, in: surroundings)
        guard case .missing = given, field >= 0, let asked = fields[Int(field)].parsed,
            let text = attribute(Self.userAgentField, of: user, in: surroundings).text
        else { return given }
        let agent = session.rare?.userAgent ?? UserAgent(text)
        session.makeRare().userAgent = agent
        guard let agent else { return .missing }
        let answer: String? =
            switch asked {
            case .osName: agent.osName
            case .osVersion: agent.osVersion
            case .browserName: agent.browserName
            case .browserVersion: agent.browserVersion
            }
        return Operand(answer.map(JSONValue.string))
    }

    private func environment(_ field: Int32, of user: UserStorage, in surroundings: borrowing Surroundings) -> Operand {
        guard field >= 0 else { return .missing }
        let field = fields[Int(field)]
        if let value = user.statsigEnvironment?[field.name] { return .json(value) }
        if let environment = surroundings.environment {
            return Operand(environment[field.name] ?? environment[field.lowercased])
        }
        return Operand(field.lowercased == "tier" ? defaultEnvironment.map(JSONValue.string) : nil)
    }

    private func experimentGroup(
        _ field: Int32,
        for user: FloodgateUser,
        in surroundings: Surroundings,
        _ session: inout Session
    ) -> Operand {
        guard field >= 0 else { return .missing }
        let name = fields[Int(field)].name
        guard let fresh = session.asking() else {
            session.isTooDeep = true
            session.isHopeless = true
            return .missing
        }
        // An evaluation of its own, as in the Rust core; if that fails there is no group.
        var asked = fresh
        var inner = Outcome()
        evaluate(
            configTable.find(name),
            named: name,
            as: .experiment,
            for: user,
            in: surroundings,
            &asked,
            into: &inner
        )
        session.take(asked)
        if session.isHopeless { return .missing }
        if asked.isTooDeep { return .missing }
        return Operand(optionalText(inner.groupName).map(JSONValue.string))
    }
}
