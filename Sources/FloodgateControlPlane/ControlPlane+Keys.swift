// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

extension ControlPlane {
    /// Makes what every project has, if it is not there: an environment, one key of each kind and a first document.
    package func prepare(by change: Change) async throws(ControlError) {
        _ = try await perform(by: change) { draft throws(ControlError) in
            guard draft.base.environments.isEmpty else { return }
            draft.add(environment: Self.defaultEnvironment)
            draft.note("project_create", after: ["environments": [.string(Self.defaultEnvironment)]])
            for kind in KeyKind.allCases {
                draft.addKey(kind, environment: Self.defaultEnvironment, random: random)
            }
        }
    }

    /// Makes a key that opens `environment`.
    /// - Throws: `.notFound` for an unknown environment.
    package func createKey(_ kind: KeyKind, environment: String, by change: Change) async throws(ControlError) -> SDKKey
    {
        try await perform(by: change) { draft throws(ControlError) in
            guard draft.base.environments.contains(environment) else {
                throw .notFound("environment", environment, among: draft.base.environments)
            }
            return draft.addKey(kind, environment: environment, random: random)
        }.answer
    }

    /// Withdraws a key: what still uses it is refused from now on.
    /// - Throws: `.notFound` for an unknown key.
    package func deactivateKey(_ key: String, by change: Change) async throws(ControlError) {
        _ = try await perform(by: change) { draft throws(ControlError) in
            guard var held = draft.base.keys.first(where: { $0.key == key }) else {
                throw ControlError(.notFound, "There is no such key")
            }
            guard held.isActive else { return }
            held.isActive = false
            draft.save(held)
            draft.note("key_deactivate", "key:\(held.masked)")
        }
    }
}

extension Draft {
    @discardableResult
    fileprivate mutating func addKey(_ kind: KeyKind, environment: String, random: @escaping @Sendable () -> UInt64)
        -> SDKKey
    {
        var random = RandomBits(bits: random)
        let text = kind.prefix + SDKKey.token(40, using: &random)
        let key = SDKKey(key: text, kind: kind, environment: environment, createdTime: now)
        save(key)
        let about: JSONValue = ["kind": .string(kind.rawValue), "environment": .string(environment)]
        note("key_create", "key:\(key.masked)", after: about)
        return key
    }
}
