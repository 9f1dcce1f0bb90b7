// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// A place of the application's that keeps documents for a fleet of clients, such as a shared cache or a database.
///
/// A client reads it before it asks the network at its start, writes each document there that the network brings, and
/// polls it instead of the network if `supportsPollingUpdates` says so. Nothing that a store does reaches the caller of a
/// check: what it throws is logged, and a call that takes longer than 2 s is given up. Calls come one at a time.
public protocol DataStore: Sendable {
    /// Called once before anything else, each time that a client is initialised.
    func initialize() async throws

    /// Called once, last, when the client is shut down.
    func shutdown() async throws

    /// The document under `key`; nil if there is none.
    func get(_ key: String) async throws -> DataStoreEntry?

    /// Keeps `value` under `key`.
    func set(_ key: String, to value: DataStoreEntry) async throws

    /// Whether somebody else keeps what `path` serves up to date here, so that polls read this store and open no
    /// connection; `path` is `/v2/download_config_specs`.
    func supportsPollingUpdates(for path: String) -> Bool
}

extension DataStore {
    /// Does nothing.
    public func initialize() async throws {}

    /// Does nothing.
    public func shutdown() async throws {}

    /// False: polls ask the network, and what they bring is written here.
    public func supportsPollingUpdates(for path: String) -> Bool { false }
}

/// A document in a data store.
public struct DataStoreEntry: Sendable, Hashable {
    /// The document's text, in UTF-8.
    public var value: [UInt8]
    /// When the document last changed, in Unix milliseconds; the document's own time counts where they differ.
    public var time: UInt64

    /// Makes an entry.
    public init(_ value: [UInt8], time: UInt64) {
        self.value = value
        self.time = time
    }
}
