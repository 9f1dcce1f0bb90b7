// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate
import FloodgateEvents
import FloodgateTestSupport
import Testing

/// The memory behind the deduplication of exposures.
@Suite("Exposure window") struct ExposureWindowTests {
    private func key(_ number: Int, userID: String = "u") -> ExposureKey {
        ExposureKey(.gate("g\(number)", value: true), ruleID: "r", user: FloodgateUser(userID: userID), seed: 7)
    }

    @Test(.rows("EVT-18")) func `forgets the oldest, never the newest, beyond its bound`() {
        let window = ExposureWindow()
        for number in 0..<250_000 {
            let admitted = window.admits(key(number), at: 0, window: 1)
            if !admitted { Issue.record("\(number) is new") }
        }
        let isRemembered = { (number: Int) in !window.admits(key(number), at: 0, window: 1) }
        #expect((200_001..<250_000).allSatisfy(isRemembered))
        #expect(!isRemembered(0))
    }

    @Test func `counts the window from the exposure that was logged`() {
        let window = ExposureWindow()
        var isAdmitted: [Bool] = []
        for time in [0, 9, 10, 19] as [Int64] { isAdmitted.append(window.admits(key(1), at: time, window: 10)) }
        #expect(isAdmitted == [true, false, true, false])
    }

    @Test func `admits an exposure once, however many threads log it`() async {
        let window = ExposureWindow()
        let keys = (0..<60_000).map { key($0) }
        let admitted = await withTaskGroup { group in
            for thread in 0..<4 {
                group.addTask { keys.count { window.admits($0, at: Int64(thread), window: 1_000) } }
            }
            return await group.reduce(0, +)
        }
        #expect(admitted == 60_000)
    }

    @Test func `tells apart whatever makes an exposure another one`() {
        let user = FloodgateUser(userID: "u1")
        let subjects: [ExposureRecord.Subject] = [
            .gate("a", value: true), .gate("a", value: false), .gate("b", value: true),
            .config("a", rulePassed: true), .config("a", rulePassed: false),
            .layer("a", parameter: "p", allocatedExperiment: nil, isExplicit: false),
            .layer("a", parameter: "q", allocatedExperiment: nil, isExplicit: false),
            .layer("a", parameter: "p", allocatedExperiment: "e", isExplicit: true),
        ]
        let users = [
            user, FloodgateUser(userID: "u2"), FloodgateUser(), FloodgateUser(userID: "u1", customIDs: ["a": "b"]),
            FloodgateUser(userID: "u1", customIDs: ["ab": ""]), FloodgateUser(userID: "u1", customIDs: ["a": 1]),
        ]
        var keys: Set<ExposureKey> = []
        for subject in subjects {
            for ruleID in ["", "r", "rr"] {
                for user in users { keys.insert(ExposureKey(subject, ruleID: ruleID, user: user, seed: 1)) }
            }
        }
        #expect(keys.count == subjects.count * 3 * users.count)
        let other = FloodgateUser(userID: "u1", email: "x@example.com", custom: ["a": 1])
        #expect(
            ExposureKey(.gate("a", value: true), ruleID: "r", user: user, seed: 1)
                == ExposureKey(.gate("a", value: true), ruleID: "r", user: other, seed: 1)
        )
    }

    @Test(.rows("EVT-45")) func `doubles and halves the pause between attempts within its bounds`() {
        var backoff = FlushBackoff()
        var pauses: [Duration] = []
        for _ in 0..<7 {
            backoff.failed()
            pauses.append(backoff.interval)
        }
        #expect(pauses == [2, 4, 8, 16, 32, 60, 60].map { .seconds($0) })
        for _ in 0..<10 { backoff.succeeded() }
        #expect(!backoff.isActive)
    }
}
