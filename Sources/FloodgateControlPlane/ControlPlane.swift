// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON
import FloodgateSpecs
internal import Synchronization

/// The use cases of authoring: what console, routes and command line may do to a project.
///
/// Any number of processes may work on one store at a time. Whatever changes makes one transaction of the change, its
/// revision, its audit record and the new document of each environment; what changes nothing writes nothing.
package struct ControlPlane: Sendable {
    /// The environment that every project has.
    package static let defaultEnvironment = "production"

    let store: any ControlStore
    let now: @Sendable () -> Int64
    let random: @Sendable () -> UInt64
    private let cache = StateCache()

    /// Makes the use cases over `store`.
    /// - Parameters:
    ///   - store: where the project lives.
    ///   - now: Unix milliseconds.
    ///   - random: 64 bits that nobody can guess; keys and salts are made of them.
    package init(
        store: any ControlStore,
        now: @escaping @Sendable () -> Int64,
        random: @escaping @Sendable () -> UInt64 = { SystemRandomNumberGenerator.bits() }
    ) {
        self.store = store
        self.now = now
        self.random = random
    }

    // MARK: Reading

    /// A number that differs after any change, also one made by another process.
    ///
    /// Cheap enough to be asked several times a second.
    package func changeCount() async throws(ControlError) -> Int64 { try await store.changeCount() }

    /// All that is current, as of one instant; read from the store only if something changed.
    package func state() async throws(ControlError) -> ControlState {
        let count = try await store.changeCount()
        if let state = cache.state.withLock({ $0 }), state.changeCount == count { return state }
        let state = try await store.state()
        cache.state.withLock { held in
            if (held?.changeCount ?? -1) < state.changeCount { held = state }
        }
        return state
    }

    /// Whether nobody has put anything into the project yet.
    package var isEmpty: Bool {
        get async throws(ControlError) {
            let state = try await state()
            return state.entities.isEmpty && state.settings == ProjectSettings()
                && state.snapshots.values.allSatisfy { $0.sequence <= 1 }
        }
    }

    /// The entities of `kinds`, by section, then by name.
    package func entities(_ kinds: Set<EntityKind> = Set(EntityKind.allCases)) async throws(ControlError) -> [Entity] {
        try await state().entities(kinds)
    }

    /// The entity of `kind` with `name`.
    /// - Throws: `.notFound`, naming what is spelled nearly so.
    package func entity(_ kind: EntityKind, _ name: String) async throws(ControlError) -> Entity {
        try await state().entity(kind, name)
    }

    /// The newest `limit` revisions of an entity, newest first, also of one that is gone.
    package func revisions(_ kind: EntityKind, _ name: String, limit: Int) async throws(ControlError) -> [Revision] {
        try await store.revisions(of: EntityReference(section: kind.section, name: name), limit: limit)
    }

    /// The environments, oldest first.
    package func environments() async throws(ControlError) -> [String] { try await state().environments }

    /// The keys, oldest first, revoked and expired ones included.
    package func keys() async throws(ControlError) -> [SDKKey] { try await state().keys }

    /// What SDKs of `environment` get now.
    /// - Throws: `.notFound` for an unknown environment; `.corrupt` if what is stored cannot be read.
    package func currentDocument(environment: String) async throws(ControlError) -> PublishedDocument {
        guard let snapshot = try await store.newestSnapshot(of: environment) else {
            throw .notFound("environment", environment, among: try await state().environments)
        }
        let head = snapshot.head
        do {
            guard let document = try SpecDocument.read(snapshot.content) else {
                throw ControlError(
                    .corrupt,
                    "Snapshot \(head.sequence) of \(environment) says that there is nothing new"
                )
            }
            return PublishedDocument(environment: environment, sequence: head.sequence, document: document)
        } catch let error as ControlError {
            throw error
        } catch {
            let message = "Snapshot \(head.sequence) of \(environment) cannot be read: \(error)"
            throw ControlError(.corrupt, message, cause: error)
        }
    }

    // MARK: Changing

    /// Decides on the current state and commits, again from the start if somebody else was faster.
    ///
    /// A conflict means that another writer got on, so only a writer that starves gives up: pauses of random length, longer
    /// with each conflict, let it through, and a budget of time ends what is hopeless.
    func perform<Answer>(
        by change: Change,
        _ decide: (inout Draft) throws(ControlError) -> Answer
    ) async throws(ControlError) -> (answer: Answer, didChange: Bool) {
        for (what, text) in [("actor", change.actor), ("reason", change.reason ?? "")] where text.contains("\0") {
            throw ControlError(.invalid, "The \(what) holds a NUL character, which stores cannot keep; leave it out")
        }
        let deadline = ContinuousClock.now + .seconds(30)
        var pause = Duration.milliseconds(1)
        while true {
            var draft = Draft(base: try await state(), change: change, now: now())
            let answer = try decide(&draft)
            guard let update = draft.update() else { return (answer, false) }
            try PublicationLimits.check(update, draft)
            do {
                try await store.commit(update)
                return (answer, true)
            } catch {
                guard error.code == .conflict, ContinuousClock.now < deadline else { throw error }
                do {
                    try await Task.sleep(for: pause * Double.random(in: 0...1))
                } catch let cancellation {
                    throw ControlError(.cancelled, "The change was cancelled; nothing was changed", cause: cancellation)
                }
                pause = min(pause * 2, .milliseconds(128))
            }
        }
    }
}

/// The state that was read last, so that a page of the console costs no parsing.
private final class StateCache: Sendable {
    let state = Mutex<ControlState?>(nil)
}

extension SystemRandomNumberGenerator {
    /// 64 random bits.
    package static func bits() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}

/// The control plane's source of randomness in the standard library's terms.
struct RandomBits: RandomNumberGenerator {
    let bits: @Sendable () -> UInt64

    mutating func next() -> UInt64 { bits() }
}

extension ControlState {
    func entity(_ kind: EntityKind, _ name: String) throws(ControlError) -> Entity {
        if let entity = entities[EntityReference(section: kind.section, name: name)] {
            guard entity.kind != kind else { return entity }
            throw ControlError(.notFound, "\"\(name)\" is \(entity.kind.phrase), not \(kind.phrase)")
        }
        let what = kind.rawValue.replacing("_", with: " ")
        throw .notFound(what, name, among: entities.values.lazy.filter { $0.kind == kind }.map(\.name))
    }
}
