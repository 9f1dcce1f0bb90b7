// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import Logging
import Synchronization

/// Tells the log of requests: by route, never by path, query or key; and so much of them that a flood of requests is
/// none of lines.
package final class AccessLog: Sendable {
    /// What is told, and how much of it.
    package struct Settings: Sendable {
        /// Which requests are told of.
        package enum Mode: String, Sendable, CaseIterable {
            /// None.
            case off
            /// Those that end with 400 or more, 20 a second at most.
            case errors
            /// Those, and of the others five a second at most, of which each class of routes has one.
            case sampled
            /// All.
            case all
        }

        /// What is told of clients' addresses.
        package enum Addresses: String, Sendable, CaseIterable {
            /// Nothing.
            case none
            /// The network: 24 bits of version 4, 48 of version 6.
            case truncated
            /// All of it.
            case full
        }

        package var mode = Mode.sampled
        package var addresses = Addresses.truncated

        /// The defaults.
        package init() {}
    }

    /// One request and its answer.
    struct Entry {
        var method: String
        /// The pattern; nil for a path that no route has.
        var route: String?
        var status: Int
        /// The code of an error.
        var code: String?
        var requestID: String
        /// The protocol's version.
        var version: String
        var address: ClientAddress?
        /// Bytes of the bodies that came in and went out; nil where nobody knows.
        var received: Int?
        var sent: Int?
        var duration: Duration?
        /// How many of its kind were left out since the last one that was told of.
        var leftOut = 0
    }

    private struct Window {
        var second: Int64 = -1
        var lines = 0
        var leftOut = 0

        /// Whether another line fits into this second.
        mutating func take(_ second: Int64, limit: Int) -> Bool {
            if self.second != second { (self.second, lines) = (second, 0) }
            guard lines < limit else {
                leftOut &+= 1
                return false
            }
            lines += 1
            return true
        }

        mutating func takeLeftOut() -> Int {
            defer { leftOut = 0 }
            return leftOut
        }
    }

    private struct State {
        var errors = Window()
        var good = Window()
        var byClass = Route.ShedClass.allCases.map { _ in Window() }
    }

    private static let errorsPerSecond = 20
    private static let goodPerSecond = 5
    private static let start = ContinuousClock.now

    private let settings: Settings
    private let logger: Logger
    private let state = Mutex(State())

    init(_ settings: Settings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    /// Whether anything is told of requests that are refused.
    var tellsErrors: Bool { settings.mode != .off }

    /// Whether a ready answer is told of, and how many were left out before it; asked for every one of them, so that it
    /// takes no look at a clock.
    func admitsReady(_ sampler: inout AccessSampler, tick: Int) -> Int? {
        switch settings.mode {
        case .off, .errors: return nil
        case .all: return 0
        case .sampled:
            guard let leftOut = sampler.take(tick) else { return nil }
            guard admitsGood(.vital) != nil else {
                sampler.leftOut = leftOut + 1
                return nil
            }
            return leftOut
        }
    }

    /// Tells of an answer, if it is its turn.
    func answered(_ shedClass: Route.ShedClass, _ entry: @autoclosure () -> Entry, isError: Bool) {
        let leftOut: Int?
        switch settings.mode {
        case .off: return
        case .all: leftOut = 0
        case .errors: leftOut = isError ? admitsError() : nil
        case .sampled: leftOut = isError ? admitsError() : admitsGood(shedClass)
        }
        guard let leftOut else { return }
        var entry = entry()
        entry.leftOut = leftOut
        write(entry)
    }

    /// How many errors were left out before this one; nil if it is to be left out, too.
    private func admitsError() -> Int? {
        let second = Self.second
        return state.withLock { state in
            state.errors.take(second, limit: Self.errorsPerSecond) ? state.errors.takeLeftOut() : nil
        }
    }

    private func admitsGood(_ shedClass: Route.ShedClass) -> Int? {
        let second = Self.second
        return state.withLock { state in
            guard state.byClass[shedClass.rawValue].take(second, limit: 1) else { return nil }
            guard state.good.take(second, limit: Self.goodPerSecond) else {
                state.byClass[shedClass.rawValue].leftOut &+= 1
                return nil
            }
            return state.byClass[shedClass.rawValue].takeLeftOut()
        }
    }

    private static var second: Int64 { Int64(start.duration(to: .now) / .seconds(1)) }

    /// Writes the line.
    func write(_ entry: Entry) {
        var metadata: Logger.Metadata = [
            "http.request.method": .string(entry.method), "http.route": .string(entry.route ?? "none"),
            "http.response.status_code": .stringConvertible(entry.status), "request_id": .string(entry.requestID),
            "network.protocol.version": .string(entry.version),
        ]
        metadata["code"] = entry.code.map { .string($0) }
        metadata["http.request.body.size"] = entry.received.map { .stringConvertible($0) }
        metadata["http.response.body.size"] = entry.sent.map { .stringConvertible($0) }
        metadata["duration_us"] = entry.duration.map { .stringConvertible(Int64($0 / .microseconds(1))) }
        metadata["client.address"] = address(entry.address).map { .string($0) }
        if entry.leftOut > 0 { metadata["left_out"] = .stringConvertible(entry.leftOut) }
        logger.log(level: entry.status >= 500 ? .warning : .info, "Request", metadata: metadata)
    }

    private func address(_ address: ClientAddress?) -> String? {
        switch settings.addresses {
        case .none: nil
        case .truncated: address?.network.text
        case .full: address?.text
        }
    }
}

/// Picks one loop's ready answers for the log: the first of every tick.
struct AccessSampler {
    private var tick = -1
    /// Answers since the last one that was picked.
    var leftOut = 0

    /// How many were left out before this one; nil if it is to be left out, too.
    mutating func take(_ tick: Int) -> Int? {
        guard tick != self.tick else {
            leftOut &+= 1
            return nil
        }
        self.tick = tick
        defer { leftOut = 0 }
        return leftOut
    }
}
