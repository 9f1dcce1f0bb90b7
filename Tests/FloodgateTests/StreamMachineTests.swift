// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import Testing

/// When a client connects, gives up, and polls besides.
@Suite("Stream machine") struct StreamMachineTests {
    private static let second: Int64 = 1_000_000_000

    private func machine(random: Double = 0.5) -> StreamMachine { StreamMachine(at: 0, random: random) }

    private func item(_ name: String, _ data: String) -> EventStreamParser.Item {
        .event(ServerSentEvent(name: name, data: Array(data.utf8), id: ""))
    }

    @Test func `connects at once, and after failures with full jitter up to a minute`() {
        var machine = machine()
        #expect(machine.pause(random: 0.9) == .zero)
        for limit in [1, 2, 4, 8, 16, 32, 60, 60, 60] {
            machine.ended(.failed(retryAfter: nil), at: 0)
            #expect(machine.pause(random: 0) == .zero)
            #expect(machine.pause(random: 1) == .seconds(limit))
        }
        for _ in 0..<1000 { machine.ended(.failed(retryAfter: nil), at: 0) }
        #expect(machine.pause(random: 1) == .seconds(60))
    }

    @Test func `forgets failures after a minute of health, and not before`() {
        for (life, limit) in [(59, 8), (60, 1)] {
            var machine = machine()
            for _ in 0..<3 { machine.ended(.failed(retryAfter: nil), at: 0) }
            machine.opened(at: 0)
            machine.ended(.closed, at: Int64(life) * Self.second)
            #expect(machine.pause(random: 1) == .seconds(limit))
        }
    }

    @Test func `waits at least as long as the server says`() {
        var machine = machine()
        machine.ended(.failed(retryAfter: .seconds(20)), at: 0)
        #expect(machine.pause(random: 0) == .seconds(20))
        #expect(machine.pause(random: 1) == .seconds(31))
        machine.opened(at: 0)
        machine.ended(.closed, at: 60 * Self.second)
        #expect(machine.pause(random: 0) == .zero)
    }

    @Test(arguments: [(2000, 2.0), (0, 0.1), (99_999_999, 60)] as [(Int64, Double)])
    func `takes the server's pause as its base, within bounds`(milliseconds: Int64, seconds: Double) {
        var machine = machine()
        #expect(machine.received(.retry(milliseconds), holding: nil) == .nothing)
        machine.ended(.closed, at: 0)
        #expect(machine.pause(random: 1) == .seconds(seconds))
    }

    @Test func `gives up a connection that says nothing for 75 seconds`() {
        var machine = machine()
        machine.opened(at: 0)
        #expect(machine.patience(at: 30 * Self.second) == .seconds(45))
        machine.heard(at: 50 * Self.second)
        #expect(machine.patience(at: 75 * Self.second) == .seconds(50))
        #expect(machine.patience(at: 125 * Self.second) == .zero)
    }

    @Test func `polls after 30 seconds without a stream, until one has been healthy for a minute`() {
        var machine = machine()
        #expect(machine.needsPoll(at: 29 * Self.second) == false)
        #expect(machine.needsPoll(at: 30 * Self.second) == true)
        machine.opened(at: 31 * Self.second)
        #expect(machine.needsPoll(at: 90 * Self.second) == true)
        #expect(machine.needsPoll(at: 91 * Self.second) == false)
        machine.ended(.closed, at: 100 * Self.second)
        #expect(machine.needsPoll(at: 129 * Self.second) == false)
        #expect(machine.needsPoll(at: 130 * Self.second) == true)
    }

    @Test func `polls after three failures`() {
        var machine = machine()
        for failures in 1...3 {
            machine.ended(.failed(retryAfter: nil), at: Self.second)
            #expect(machine.needsPoll(at: Self.second) == (failures == 3))
        }
    }

    @Test func `polls at once where there are no streams, and asks for one every ten minutes or so`() {
        var machine = machine()
        machine.ended(.refused(retryAfter: nil), at: 0)
        #expect(machine.needsPoll(at: 0) == true)
        #expect(machine.pause(random: 0) == .seconds(480))
        #expect(machine.pause(random: 0.5) == .seconds(600))
        machine.opened(at: 0)
        machine.ended(.closed, at: 0)
        #expect(machine.pause(random: 0) == .zero)
    }

    @Test(arguments: [(0.0, 480), (1.0, 720)]) func `asks for the whole document now and then all the same`(
        random: Double,
        seconds: Int64
    ) {
        var machine = machine(random: random)
        machine.opened(at: 0)
        machine.heard(at: seconds * Self.second - 1)
        #expect(machine.needsPoll(at: seconds * Self.second - 1) == false)
        #expect(machine.needsPoll(at: seconds * Self.second) == true)
        machine.polled(at: seconds * Self.second, random: 0.5)
        #expect(machine.needsPoll(at: (seconds + 599) * Self.second) == false)
        #expect(machine.needsPoll(at: (seconds + 600) * Self.second) == true)
    }

    @Test(
        arguments: [
            (#"{"time":11,"checksum":"b"}"#, true), (#"{"time":11}"#, true), (#"{"time":10,"checksum":"b"}"#, true),
            (#"{"checksum":"b"}"#, true), ("{}", true), (#"{"time":10,"checksum":"a"}"#, false),
            (#"{"time":11,"checksum":"a"}"#, false), (#"{"time":10}"#, false), (#"{"time":9,"checksum":"b"}"#, false),
            ("", false), ("[]", false), ("{", false), (#"{"time":-1}"#, true), (#"{"time":1e400}"#, false),
        ]
    )
    func `asks for what is announced if it is news`(data: String, isNews: Bool) {
        var machine = machine()
        let action = machine.received(item("version", data), holding: (time: 10, checksum: "a"))
        if case .fetch = action { #expect(isNews) } else { #expect(!isNews) }
    }

    @Test(arguments: [("500", 500), ("-5", 0), ("1e9", 300_000), ("999999999", 300_000)] as [(String, Int64)])
    func `spreads as the server says, for five minutes at most`(spread: String, milliseconds: Int64) {
        var machine = machine()
        let action = machine.received(item("version", #"{"time":7,"spread_ms":\#(spread)}"#), holding: nil)
        #expect(action == .fetch(.init(time: 7, spread: .milliseconds(milliseconds))))
    }

    @Test func `forgets a refusal when the next attempt fails for another reason`() {
        var machine = machine()
        machine.ended(.refused(retryAfter: nil), at: 0)
        #expect(machine.pause(random: 0.5) == StreamMachine.refusalPause)
        machine.ended(.failed(retryAfter: nil), at: 1)
        #expect(machine.pause(random: 0.5) <= .seconds(60))
    }

    @Test func `takes documents, asks for the whole of what it cannot put together, and ignores the rest`() {
        var machine = machine()
        #expect(machine.received(item("specs", "x"), holding: nil) == .install([120]))
        // A form of change to come.
        let unknown = machine.received(item("delta", #"{"time":3,"spread_ms":20,"patch":"x"}"#), holding: nil)
        #expect(unknown == .fetch(.init(time: 3, spread: .milliseconds(20))))
        let held = machine.received(item("delta", #"{"time":3,"checksum":"c"}"#), holding: (time: 3, checksum: "c"))
        #expect(held == .nothing)
        for other in [item("current", "{}"), item("message", "x"), item("soon", "x"), .comment] {
            #expect(machine.received(other, holding: nil) == .nothing)
        }
    }
}
