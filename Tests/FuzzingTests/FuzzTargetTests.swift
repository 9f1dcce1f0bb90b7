// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateTestSupport
import FuzzTargets
import Testing

/// What `make fuzz` does for minutes, in brief and without a second build; Fuzzing/README.md says how they belong together.
@Suite("Fuzz targets") struct FuzzTargetTests {
    @Test(arguments: FuzzTarget.allCases)
    func `take every input that was a finding once`(target: FuzzTarget) throws {
        let folder = "Fuzzing/Regressions/\(target)"
        for name in Folder.names(in: "\(SharedData.repository)/\(folder)") {
            let bytes = try #require(SharedData.repositoryBytes("\(folder)/\(name)"))
            #expect(target.fault(in: bytes) == nil, "\(folder)/\(name)")
        }
    }

    @Test(arguments: FuzzTarget.allCases)
    func `take every seed`(target: FuzzTarget) {
        #expect(!target.seeds.isEmpty)
        for (index, seed) in target.seeds.enumerated() where seed.count <= target.maximumBytes {
            #expect(
                target.fault(in: seed) == nil,
                "seed \(index): \(String(decoding: seed.prefix(200), as: UTF8.self))"
            )
        }
    }

    @Test(arguments: FuzzTarget.allCases, 0..<4 as Range<UInt64>)
    func `take mutations of seeds`(target: FuzzTarget, seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        var pool = target.seeds.filter { $0.count <= target.maximumBytes / 4 }
        try #require(!pool.isEmpty)
        for number in 0..<target.mutationsPerSeed {
            let parent = Int.random(in: 0..<pool.count, using: &random)
            let bytes = Mutation.of(pool[parent], for: target, using: &random)
            if let fault = target.fault(in: bytes) {
                Issue.record("mutation \(number): \(fault) in \(String(decoding: bytes, as: UTF8.self))")
                return
            }
            // Some stay, so that changes add up.
            if number % 8 == 0, bytes.count <= target.maximumBytes / 4 { pool[parent] = bytes }
        }
    }
}

extension FuzzTarget {
    /// All seeds of all targets together take a few seconds.
    fileprivate var mutationsPerSeed: Int {
        switch self {
        case .json: 5000
        case .document: 1000
        case .user: 1000
        case .events: 500
        case .regex: 2000
        case .texts: 5000
        case .head, .proxy: 5000
        case .connection, .frames: 2000
        }
    }
}
