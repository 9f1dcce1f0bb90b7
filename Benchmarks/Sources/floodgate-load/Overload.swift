// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import BenchmarkKit
internal import Glibc

/// The course of one measurement: peak, quiet, overload, calm.
struct Overload {
    /// What was found out.
    struct Outcome {
        var route: Route
        var peak = 0.0
        /// So many connections got it.
        var peakConnections = 0
        /// The same again behind the overload: other work on the machine moves both.
        var peakAgain = 0.0
        /// CPU of the server for one good answer at its peak, in microseconds.
        var goodCost = 0.0
        var offered = 0.0
        var seconds = 0.0
        var overload = Tally()
        var overloadCPU = 0.0
        /// CPU of the server for one 503, in microseconds.
        var shedCost = 0.0
        /// Seconds after the overload until errors and p99 were as before; nil if they never were.
        var recovery: Double?
        var quietP99 = 0.0
        var calmP99 = 0.0
        var calmLost = 0
        var quietGood = GoodClient.Outcome()
        var overloadGood = GoodClient.Outcome()
        var residentMebibytes = 0
    }

    private let route: Route
    private let server: ServerProcess
    private let arguments: Arguments

    init(_ route: Route, _ server: ServerProcess, _ arguments: Arguments) {
        self.route = route
        self.server = server
        self.arguments = arguments
    }

    func run() -> Outcome {
        var outcome = Outcome(route: route)
        let key = route == .initialize ? server.clientKey : server.serverKey
        func loop() -> LoadLoop {
            LoadLoop(port: server.port, requests: route.requests(key: key), connections: arguments.connections)
        }
        findPeak(loop, &outcome)

        let good = GoodClient(port: server.port, serverKey: server.serverKey)
        let thread = good.start()
        defer {
            good.stop()
            thread.join()
        }
        let load = loop()
        load.open(arguments.connections)
        _ = load.run(.open(perSecond: outcome.peak / 2), seconds: 2)
        _ = good.take()
        let quiet = load.run(.open(perSecond: outcome.peak / 2), seconds: 5)
        outcome.quietP99 = Self.sum(quiet).latency(99)
        outcome.quietGood = good.take()

        outcome.offered = outcome.peak * arguments.factor
        outcome.seconds = arguments.seconds
        let cpu = server.cpuSeconds
        outcome.overload = Self.sum(load.run(.open(perSecond: outcome.offered), seconds: arguments.seconds))
        outcome.overloadCPU = server.cpuSeconds - cpu
        outcome.overloadGood = good.take()
        let served = Double(outcome.overload.good + outcome.overload.late)
        outcome.shedCost =
            (outcome.overloadCPU * 1e6 - served * outcome.goodCost) / Double(max(1, outcome.overload.shed))
        outcome.residentMebibytes = server.residentMebibytes

        let calm = load.run(.open(perSecond: outcome.peak / 2), seconds: arguments.calm)
        let worst = outcome.quietP99 * 2 + 5
        let last = calm.lastIndex {
            $0.good < $0.sent * 9 / 10 || $0.shed + $0.errors > 0 || !($0.latency(99) <= worst)
        }
        if last != calm.count - 1 { outcome.recovery = Double((last ?? -1) + 1) / 2 }
        let end = Self.sum(Array(calm.suffix(4)))
        outcome.calmP99 = end.latency(99)
        outcome.calmLost = end.shed + end.errors + end.late
        load.settle(seconds: 1)
        outcome.peakAgain = measure(loop(), outcome.peakConnections).rate
        return outcome
    }

    /// The most good answers a second that any number of busy connections got.
    private func findPeak(_ loop: () -> LoadLoop, _ outcome: inout Outcome) {
        for connections in [8, 32, 64, 128] {
            let (rate, cost) = measure(loop(), connections)
            guard rate > outcome.peak else { continue }
            outcome.peak = rate
            outcome.peakConnections = connections
            outcome.goodCost = cost
        }
    }

    /// Good answers a second that so many busy connections get, and the server's CPU for each in microseconds.
    private func measure(_ load: LoadLoop, _ connections: Int) -> (rate: Double, cost: Double) {
        _ = load.run(.closed(connections: connections), seconds: 2)
        let (cpu, start) = (server.cpuSeconds, Clock.monotonic.now)
        let tally = Self.sum(load.run(.closed(connections: connections), seconds: 4))
        let (seconds, used) = (Clock.monotonic.now - start, server.cpuSeconds - cpu)
        load.settle(seconds: 1)
        let (rate, cost) = (Double(tally.good) / seconds, used * 1e6 / Double(max(1, tally.good)))
        LoadBenchmark.say(
            "\(route.rawValue), \(connections) connections: \(Int(rate)) good answers a second, \(tally.shed) refused, "
                + "\(Int(cost)) µs of CPU each\n"
        )
        return (rate, cost)
    }

    private static func sum(_ slices: [Tally]) -> Tally { slices.reduce(into: Tally()) { $0 += $1 } }
}
