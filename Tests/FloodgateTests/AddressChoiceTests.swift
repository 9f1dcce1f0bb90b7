// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import Testing

/// Which of several servers is asked, and how often a request is repeated.
@Suite("Choice of addresses") struct AddressChoiceTests {
    private static let second: Int64 = 1_000_000_000

    @Test func `stays with the one that answered last`() {
        var choice = AddressChoice(count: 3)
        #expect(choice.candidates(at: 0) == [0, 1, 2])
        choice.failed(0, at: 0, random: 0)
        choice.succeeded(1)
        #expect(choice.candidates(at: Self.second) == [1, 2, 0])
        #expect(choice.current == 1)
    }

    @Test func `tries the preferred one again when it has rested, and returns to it`() {
        var choice = AddressChoice(count: 2)
        choice.failed(0, at: 0, random: 0)
        choice.succeeded(1)
        #expect(choice.candidates(at: 29 * Self.second) == [1, 0])
        #expect(choice.candidates(at: 30 * Self.second) == [0, 1])
        choice.succeeded(0)
        #expect(choice.candidates(at: 31 * Self.second) == [0, 1])
    }

    @Test(arguments: [(1, 30, 60), (2, 30, 90), (3, 30, 150), (9, 30, 330)])
    func `lets one that fails again and again rest longer, by chance`(failures: Int, shortest: Int64, longest: Int64) {
        for (random, seconds) in [(0.0, shortest), (1.0, longest)] {
            var choice = AddressChoice(count: 2)
            for _ in 0..<failures { choice.failed(0, at: 0, random: random) }
            choice.succeeded(1)
            #expect(choice.candidates(at: seconds * Self.second - 1) == [1, 0])
            #expect(choice.candidates(at: seconds * Self.second) == [0, 1])
        }
    }

    @Test func `asks those that rest when nobody else is left, the first to have rested first`() {
        var choice = AddressChoice(count: 2)
        choice.failed(0, at: 0, random: 0.5)
        choice.failed(1, at: 0, random: 0)
        #expect(choice.candidates(at: Self.second) == [1, 0])
    }

    @Test func `leaves one alone for as long as it says`() {
        var choice = AddressChoice(count: 2)
        choice.failed(0, at: 0, random: 0, retryAfter: .seconds(120))
        choice.succeeded(1)
        #expect(choice.candidates(at: 119 * Self.second) == [1, 0])
        #expect(choice.candidates(at: 120 * Self.second) == [0, 1])
    }

    @Test func `tries three addresses at most, and has none of none`() {
        #expect(AddressChoice(count: 9).candidates(at: 0) == [0, 1, 2])
        #expect(AddressChoice(count: 0).candidates(at: 0) == [])
    }

    @Test func `repeats one request a second and one of ten`() {
        var budget = RetryBudget()
        for _ in 0..<5 { #expect(budget.takesRetry(at: 0) == true) }
        #expect(budget.takesRetry(at: 0) == false)
        #expect(budget.takesRetry(at: Self.second) == true)
        #expect(budget.takesRetry(at: Self.second) == false)
        for _ in 0..<11 { budget.request(at: Self.second) }
        #expect(budget.takesRetry(at: Self.second) == true)
        #expect(budget.takesRetry(at: Self.second) == false)
        // A clock that goes back gives nothing and takes nothing.
        #expect(budget.takesRetry(at: 0) == false)
    }

    @Test func `repeats a tenth of the requests in the long run`() {
        var budget = RetryBudget()
        var retries = 0
        for step in 0..<10_000 {
            budget.request(at: Int64(step) * Self.second / 100)
            if budget.takesRetry(at: Int64(step) * Self.second / 100) { retries += 1 }
        }
        // 100 s, 10 000 requests, and what the full budget began with.
        #expect(1_090...1_110 ~= retries)
    }
}
