// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateEvaluation
internal import FloodgateJSON
internal import Synchronization

/// Where an application keeps what units were assigned, so that they go on getting it; Statsig's persistent storage.
///
/// Asked on the thread that makes the check, so an answer should come from memory. An error is logged and passes for
/// nothing kept. `StickyValue.json` and `StickyAssignments.json` are what Statsig's SDKs store.
public protocol StickyStore: Sendable {
    /// All that is kept under `key`, a unit ID and its type such as `u-9:userID`; nil for nothing.
    func load(_ key: String) throws -> StickyAssignments?

    /// Keeps `value` under `key` for the experiment or layer of this name, in place of what is there.
    func save(_ value: StickyValue, for name: String, under key: String) throws

    /// Forgets what is kept under `key` for the experiment or layer of this name; nothing may be there.
    func delete(_ name: String, under key: String) throws
}

/// Keeps sticky assignments in the memory of the process, without bound and until it ends; for tests and trials.
public final class InMemoryStickyStore: StickyStore {
    private let kept = Mutex<[ExactText: StickyAssignments]>([:])

    /// Makes a store that keeps nothing yet.
    public init() {}

    /// All that is kept under `key`.
    public func load(_ key: String) -> StickyAssignments? { kept.withLock { $0[ExactText(key)] } }

    /// Keeps `value`.
    public func save(_ value: StickyValue, for name: String, under key: String) {
        kept.withLock { $0[ExactText(key), default: StickyAssignments()][name] = value }
    }

    /// Forgets a value.
    public func delete(_ name: String, under key: String) {
        kept.withLock { kept in
            kept[ExactText(key)]?[name] = nil
            if kept[ExactText(key)]?.names.isEmpty == true { kept[ExactText(key)] = nil }
        }
    }
}
