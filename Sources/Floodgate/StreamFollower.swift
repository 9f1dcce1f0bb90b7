// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON
internal import Synchronization

/// Drives the `StreamMachine`: connects, listens, gives silent connections up, and passes on what the machine asks for.
final class StreamFollower: Sendable {
    /// How long an event may be: a document, and something for its frame.
    private static let maxEventBytes = Settings.maxDocumentBytes + 65_536
    /// Statuses by which a server says that it has no stream for this client.
    private static let refusals: Set<Int> = [204, 400, 401, 403, 404, 405, 406, 410, 413, 501]

    /// What a connection that is being listened to has come to.
    private final class Connection: Sendable {
        let parser = Mutex(EventStreamParser(maxBytes: StreamFollower.maxEventBytes))
        let end = Mutex<StreamMachine.End?>(nil)
    }

    private let settings: Settings
    private let timing: Timing
    private let failover: Failover
    private let machine: Mutex<StreamMachine>
    private let isHeard: @Sendable (Bool) -> Void
    /// Which address was connected to last.
    private let index = Mutex(0)

    /// Makes a follower; `onChange` hears of each connection that opens (true) or ends (false).
    init(settings: Settings, timing: Timing, budget: SharedRetryBudget, onChange: @escaping @Sendable (Bool) -> Void) {
        self.settings = settings
        self.timing = timing
        self.failover = Failover(settings.streamURLs, budget: budget, timing: timing)
        self.machine = Mutex(StreamMachine(at: timing.monotonic(), random: timing.random()))
        self.isHeard = onChange
    }

    /// Whether there is a stream.
    var isOpen: Bool { machine.withLock { $0.isOpen } }

    /// Which of the addresses the stream is from.
    var address: Int { index.withLock { $0 } }

    /// Whether a poll is due now although there may be a stream.
    var needsPoll: Bool { machine.withLock { $0.needsPoll(at: timing.monotonic()) } }

    /// A poll was made.
    func polled() {
        let (now, random) = (timing.monotonic(), timing.random())
        machine.withLock { $0.polled(at: now, random: random) }
    }

    /// Stays connected until the task is cancelled.
    func follow(
        over transport: any Transport,
        held: @escaping @Sendable () -> HeldSpecs?,
        perform: @escaping @Sendable (StreamMachine.Action) async -> Void
    ) async {
        while await timing.pause(machine.withLock { $0.pause(random: timing.random()) }) {
            guard let (index, address) = failover.next else { return }
            self.index.withLock { $0 = index }
            let end = await connection(to: address, over: transport, held, perform)
            guard !Task.isCancelled else { return }
            let wasOpen = machine.withLock { machine in
                defer { machine.ended(end, at: timing.monotonic()) }
                return machine.isOpen
            }
            switch end {
            case .closed: failover.succeeded(index)
            case .failed(let pause), .refused(let pause): failover.failed(index, retryAfter: pause)
            }
            if wasOpen { isHeard(false) }
        }
    }

    /// One connection from beginning to end.
    private func connection(
        to address: String,
        over transport: any Transport,
        _ held: @escaping @Sendable () -> HeldSpecs?,
        _ perform: @escaping @Sendable (StreamMachine.Action) async -> Void
    ) async -> StreamMachine.End {
        await withTaskGroup { group in
            group.addTask { await self.listen(to: address, over: transport, held, perform) }
            group.addTask {
                // Nothing is heard before the answer begins, which has a time of its own.
                while true {
                    let isOpen = self.machine.withLock { $0.isOpen }
                    let patience = self.machine.withLock { $0.patience(at: self.timing.monotonic()) }
                    if isOpen, patience == .zero { return .failed(retryAfter: nil) }
                    let pause = isOpen ? patience : StreamMachine.maxSilence
                    guard await self.timing.pause(pause) else { return .failed(retryAfter: nil) }
                }
            }
            defer { group.cancelAll() }
            return await group.next() ?? .failed(retryAfter: nil)
        }
    }

    private func listen(
        to address: String,
        over transport: any Transport,
        _ held: @escaping @Sendable () -> HeldSpecs?,
        _ perform: @escaping @Sendable (StreamMachine.Action) async -> Void
    ) async -> StreamMachine.End {
        let connection = Connection()
        var headers = settings.headers(at: timing.wall())
        headers.append(("accept", "text/event-stream"))
        headers.append(("cache-control", "no-cache"))
        headers.append((UseReporter.nameField, settings.instanceName))
        let request = TransportRequest(
            purpose: .stream,
            method: .get,
            url: address + Self.query(held()?.query ?? "", isAnnounced: settings.verifies),
            headers: headers,
            maxAnswerBytes: Self.maxEventBytes,
            timeout: settings.options.requestTimeout
        )
        do throws(ClientError) {
            try await transport.stream(
                request,
                onHead: { head in
                    let end = Self.verdict(on: head)
                    connection.end.withLock { $0 = end }
                    guard end == nil else { return false }
                    self.machine.withLock { $0.opened(at: self.timing.monotonic()) }
                    self.isHeard(true)
                    return true
                },
                onBytes: { bytes in
                    self.machine.withLock { $0.heard(at: self.timing.monotonic()) }
                    let items: [EventStreamParser.Item]
                    do throws(EventStreamParser.Overflow) {
                        items = try connection.parser.withLock { parser throws(EventStreamParser.Overflow) in
                            try parser.read(bytes)
                        }
                    } catch {
                        connection.end.withLock { $0 = .failed(retryAfter: nil) }
                        return false
                    }
                    for item in items {
                        let holding = held().map { (time: $0.time, checksum: $0.checksum ?? "") }
                        let action = self.machine.withLock { $0.received(item, holding: holding) }
                        if action != .nothing { await perform(action) }
                    }
                    return !Task.isCancelled
                }
            )
        } catch {
            return .failed(retryAfter: error.retryAfter)
        }
        return connection.end.withLock { $0 } ?? .closed
    }

    /// Changes are wanted; whole documents must be fetched where they must be signed, since events have no seal for them.
    private static func query(_ query: String, isAnnounced: Bool) -> String {
        query + (query.isEmpty ? "?" : "&") + "deltas=1" + (isAnnounced ? "&announce=1" : "")
    }

    /// Why an answer is no stream; nil if it is one.
    private static func verdict(on head: TransportHead) -> StreamMachine.End? {
        if refusals.contains(head.status) { return .refused(retryAfter: head.retryAfter) }
        guard head.status == 200 else { return .failed(retryAfter: head.retryAfter) }
        return head.contentType.hasPrefix("text/event-stream") ? nil : .refused(retryAfter: nil)
    }
}
