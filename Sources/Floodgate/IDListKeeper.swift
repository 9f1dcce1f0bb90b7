// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Logging
internal import Synchronization

/// Keeps the ID lists up to date, if they are enabled.
final class IDListKeeper: Sendable {
    private let state: ClientState
    private let transport: any Transport
    private let fetcher: IDListFetcher
    private let isEnabled: Bool
    private let ready: Mutex<Bool?>
    /// Lets one round at a time read the lists.
    private let turnstile = Turnstile()
    /// Over how long clients should spread who heard of a change.
    private let news = AsyncStream.makeStream(of: Duration.self, bufferingPolicy: .bufferingNewest(1))

    init(state: ClientState, transport: any Transport) {
        let options = state.settings.options
        self.state = state
        self.transport = transport
        self.fetcher = IDListFetcher(settings: state.settings, timing: state.timing, budget: state.budget)
        self.isEnabled = options.enableIDLists && !options.disableNetwork
        self.ready = Mutex(options.enableIDLists ? false : nil)
    }

    /// Whether the ID lists were loaded; nil if they are not enabled.
    var isReady: Bool? { ready.withLock { $0 } }

    /// Brings all lists up to date.
    func refresh() async {
        guard isEnabled, await turnstile.enter() else { return }
        defer { turnstile.leave() }
        let begin = state.timing.monotonic()
        let (lists, failure) = await fetcher.refresh(over: transport)
        guard !Task.isCancelled else { return }
        state.metrics.recordListSync(state.timing.monotonic() - begin, failure?.code.rawValue ?? "ok")
        state.specs.setIDLists(lists)
        if let failure {
            state.settings.options.logger.info("ID lists could not be updated", metadata: ["error": "\(failure)"])
        } else {
            ready.withLock { $0 = true }
        }
    }

    /// Says that lists have changed on the server: they are brought up to date within `spread`, at a time that is this
    /// client's own.
    func refresh(soon spread: Duration) { news.continuation.yield(spread) }

    /// Brings all lists up to date again and again, until the task is cancelled.
    func keep() async {
        guard isEnabled else { return }
        let (interval, timing) = (state.settings.options.idListInterval, state.timing)
        await withTaskGroup { group in
            group.addTask {
                // Give or take 10 %.
                while await timing.pause(interval * (0.9 + 0.2 * timing.random())) { await self.refresh() }
            }
            group.addTask {
                for await spread in self.news.stream {
                    guard await timing.pause(spread * timing.random()) else { return }
                    await self.refresh()
                }
            }
        }
    }
}
