// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
internal import Synchronization

/// Keeps the application's data store at arm's length: one task calls it, one call at a time, and nobody waits for it
/// longer than 2 s, whatever it does.
final class StoreLink: Sendable {
    private enum Call: Sendable {
        case initialize, get
        case set(DataStoreEntry)
        case shutdown
    }

    private final class Job: Sendable {
        let call: Call
        let done = Latch()
        private let result = Mutex<Result<DataStoreEntry?, ClientError>?>(nil)

        init(_ call: Call) { self.call = call }

        var outcome: Result<DataStoreEntry?, ClientError>? { result.withLock { $0 } }

        func finish(_ outcome: Result<DataStoreEntry?, ClientError>) {
            result.withLock { $0 = outcome }
            done.open()
        }
    }

    /// Which of the server's routes the store may stand for.
    static let path = "/v2/download_config_specs"
    private static let patience: Duration = .seconds(2)
    /// Calls that wait for one that does not end.
    private static let maxWaiting = 4

    /// Whether polls read the store.
    let isPolled: Bool
    private let store: any DataStore
    private let key: String
    private let timing: Timing
    private let jobs: AsyncStream<Job>
    private let mailbox: AsyncStream<Job>.Continuation
    private let isOpen = Mutex(false)
    /// Calls that were given up and have not ended: until they have, nobody waits for another.
    private let abandoned = Mutex<[Job]>([])

    init(_ store: any DataStore, key: String, timing: Timing) {
        self.store = store
        self.key = Self.key(for: key)
        self.timing = timing
        self.isPolled = store.supportsPollingUpdates(for: Self.path)
        (self.jobs, self.mailbox) = AsyncStream<Job>.makeStream(bufferingPolicy: .bufferingOldest(Self.maxWaiting))
    }

    /// What a store knows the document of an SDK key by, as Statsig's SDKs name it; the key cannot be read off it.
    static func key(for sdkKey: String) -> String { "statsig|\(path)|plain_text|\(SHA256.base64(of: sdkKey))" }

    /// Calls the store for the others, until `close`, or until the task is cancelled and the call at hand is over.
    func serve() async {
        for await job in jobs { job.finish(await perform(job.call)) }
        if isOpen.withLock({ $0 }) { _ = await perform(.shutdown) }
    }

    /// Prepares the store.
    func open() async throws(ClientError) { _ = try await call(.initialize) }

    /// The document that the store holds.
    func read() async throws(ClientError) -> DataStoreEntry? { try await call(.get) }

    /// Puts a document into the store.
    func write(_ entry: DataStoreEntry) async throws(ClientError) { _ = try await call(.set(entry)) }

    /// Tells the store that it is over, and ends `serve`.
    func close() async throws(ClientError) {
        defer { mailbox.finish() }
        guard isOpen.withLock({ $0 }) else { return }
        _ = try await call(.shutdown)
    }

    private func call(_ call: Call) async throws(ClientError) -> DataStoreEntry? {
        let job = Job(call)
        let isStuck = abandoned.withLock { jobs in
            jobs.removeAll { $0.done.isOpen }
            return !jobs.isEmpty
        }
        if isStuck { throw ClientError(.dataStore, "The data store has not come back from an earlier call") }
        guard case .enqueued = mailbox.yield(job) else {
            throw ClientError(.dataStore, "Too many calls wait for the data store")
        }
        await withDeadline(Self.patience, timing) { await job.done.wait() }
        if let outcome = job.outcome { return try outcome.get() }
        abandoned.withLock { $0.append(job) }
        if Task.isCancelled { throw ClientError(.cancelled, "The wait for the data store was cancelled") }
        throw ClientError(.dataStore, "The data store did not answer within \(Self.patience)")
    }

    private func perform(_ call: Call) async -> Result<DataStoreEntry?, ClientError> {
        do {
            switch call {
            case .initialize:
                isOpen.withLock { $0 = true }
                try await store.initialize()
            case .get:
                let entry = try await store.get(key)
                if let entry, entry.value.count > Settings.maxDocumentBytes {
                    let message = "The data store's document has more than \(Settings.maxDocumentBytes) bytes"
                    return .failure(ClientError(.dataStore, message))
                }
                return .success(entry)
            case .set(let entry): try await store.set(key, to: entry)
            case .shutdown:
                isOpen.withLock { $0 = false }
                try await store.shutdown()
            }
            return .success(nil)
        } catch {
            // The type alone: the text of a foreign error may hold anything.
            return .failure(ClientError(.dataStore, "The data store failed (\(type(of: error)))"))
        }
    }
}
