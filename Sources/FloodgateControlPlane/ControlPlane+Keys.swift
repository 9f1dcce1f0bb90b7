// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

extension ControlPlane {
    /// Makes what every project has, if it is not there: an environment, one key of each kind and a first document.
    /// - Returns: the keys; none if the project was there already.
    @discardableResult
    package func prepare(by change: Change) async throws(ControlError) -> [IssuedKey] {
        try await perform(by: change) { draft throws(ControlError) in
            guard draft.base.environments.isEmpty else { return [] }
            draft.add(environment: Self.defaultEnvironment)
            draft.note("project_create", after: ["environments": [.string(Self.defaultEnvironment)]])
            return KeyKind.initial.map { kind in
                draft.addKey(kind, environment: Self.defaultEnvironment, random: random)
            }
        }.answer
    }

    /// Makes a key that opens `environment`.
    /// - Parameters:
    ///   - kind: what it is for.
    ///   - environment: what it opens.
    ///   - lifetime: after how many milliseconds it ends to work, at least 1; nil for never.
    ///   - change: who wants it, and why.
    /// - Returns: the key, which cannot be asked for again.
    /// - Throws: `.notFound` for an unknown environment; `.invalid` for a lifetime that is none.
    package func createKey(
        _ kind: KeyKind,
        environment: String,
        lifetime: Int64? = nil,
        by change: Change
    ) async throws(ControlError) -> IssuedKey {
        try await perform(by: change) { draft throws(ControlError) in
            guard draft.base.environments.contains(environment) else {
                throw .notFound("environment", environment, among: draft.base.environments)
            }
            guard lifetime ?? 1 > 0 else { throw ControlError(.invalid, "A key must live for a while") }
            return draft.addKey(kind, environment: environment, lifetime: lifetime, random: random)
        }.answer
    }

    /// Revokes a key: what still uses it is refused from now on.
    /// - Parameters:
    ///   - name: the whole key, or what it is listed as, such as `secret-…Wx4z`.
    ///   - change: who wants it, and why.
    /// - Throws: `.notFound` for an unknown key; `.invalid` for a name that several active keys are listed as.
    package func revokeKey(_ name: String, by change: Change) async throws(ControlError) {
        let digest = KeyDigest(of: name)
        _ = try await perform(by: change) { draft throws(ControlError) in
            var named = draft.base.keys.filter { $0.digest == digest }
            if named.isEmpty { named = draft.base.keys.filter { $0.masked == name } }
            guard !named.isEmpty else { throw ControlError(.notFound, "There is no such key") }
            let active = named.filter(\.isActive)
            guard var key = active.first else { return }
            guard active.count == 1 else {
                throw ControlError(.invalid, "\(active.count) keys are listed as \(name); give the whole key")
            }
            key.isActive = false
            draft.save(key)
            draft.note("key_deactivate", "key:\(key.masked)")
        }
    }
}

extension Draft {
    fileprivate mutating func addKey(
        _ kind: KeyKind,
        environment: String,
        lifetime: Int64? = nil,
        random: @escaping @Sendable () -> UInt64
    ) -> IssuedKey {
        var random = RandomBits(bits: random)
        let text = kind.prefix + SDKKey.token(40, using: &random)
        let end = lifetime.map { now.addingReportingOverflow($0) }.map { $0.overflow ? .max : $0.partialValue }
        let key = SDKKey(text: text, kind: kind, environment: environment, createdTime: now, expiresTime: end)
        save(key)
        var about: JSONObject = ["kind": .string(kind.rawValue), "environment": .string(environment)]
        about.set("expires_time", end.map { .integer($0) })
        note("key_create", "key:\(key.masked)", after: .object(about))
        return IssuedKey(text: text, key: key)
    }
}
