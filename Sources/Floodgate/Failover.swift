// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Sends the requests of one purpose to whichever of several addresses answers.
///
/// Each purpose has its own, so that a server which cannot take events goes on delivering specs.
final class Failover: Sendable {
    /// How long an address may think before the next one is asked.
    static let patience: Duration = .milliseconds(1500)

    let addresses: [String]
    private let choice: Mutex<AddressChoice>
    private let budget: SharedRetryBudget
    private let timing: Timing

    init(_ addresses: [String], budget: SharedRetryBudget, timing: Timing) {
        self.addresses = addresses
        self.choice = Mutex(AddressChoice(count: addresses.count))
        self.budget = budget
        self.timing = timing
    }

    /// Sends what `request` makes for an address, to the next one if it fails there and the budget allows it.
    /// - Returns: The answer, which may be a failure if nobody had a better one, and the position of who gave it.
    func send(
        over transport: any Transport,
        _ request: (String) -> TransportRequest
    ) async throws(ClientError) -> (answer: TransportAnswer, address: Int) {
        budget.countRequest()
        let candidates = choice.withLock { $0.candidates(at: timing.monotonic()) }
        var failure = ClientError(.network, "There is no address to ask")
        for (position, index) in candidates.enumerated() {
            if position > 0, !budget.takesRetry() { break }
            let isLast = position == candidates.count - 1
            var attempt = request(addresses[index])
            if !isLast { attempt.headTimeout = min(Self.patience, attempt.timeout) }
            do throws(ClientError) {
                let answer = try await transport.send(attempt)
                if !Self.isFailure(answer.status) {
                    succeeded(index)
                    return (answer, index)
                }
                failed(index, retryAfter: answer.retryAfter)
                if isLast { return (answer, index) }
                failure = ClientError(.status, "A server answered with status \(answer.status)", status: answer.status)
                failure.retryAfter = answer.retryAfter
            } catch {
                if error.code == .cancelled { throw error }
                failed(index)
                failure = error
            }
        }
        throw failure
    }

    /// The address that is to be asked next, for a caller that does not use `send`.
    var next: (index: Int, address: String)? {
        choice.withLock { $0.candidates(at: timing.monotonic()).first }.map { ($0, addresses[$0]) }
    }

    /// The address did well.
    func succeeded(_ index: Int) { choice.withLock { $0.succeeded(index) } }

    /// The address did not answer, or not with anything of use.
    func failed(_ index: Int, retryAfter: Duration? = nil) {
        let (now, random) = (timing.monotonic(), timing.random())
        choice.withLock { $0.failed(index, at: now, random: random, retryAfter: retryAfter) }
    }

    /// Whether somebody else may have a better answer: not where it says no for good.
    private static func isFailure(_ status: Int) -> Bool {
        !(200..<300 ~= status) && status != 304 && !ClientError.finalStatuses.contains(status)
    }
}

/// The retry budget of one client, shared by all that it sends.
final class SharedRetryBudget: Sendable {
    private let budget = Mutex(RetryBudget())
    private let timing: Timing

    init(timing: Timing) { self.timing = timing }

    func countRequest() { budget.withLock { $0.request(at: timing.monotonic()) } }

    func takesRetry() -> Bool { budget.withLock { $0.takesRetry(at: timing.monotonic()) } }
}
