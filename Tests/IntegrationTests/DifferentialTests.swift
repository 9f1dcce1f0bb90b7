// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateTestSupport
import Foundation
import Testing

extension EndToEnd {
    /// The built program beside Statsig's official core, on random documents and users (`Scripts/differential`).
    @Suite("Differential fuzzing", .serialized) struct DifferentialTests {
        /// A fixed seed, and one that is another each day; FLOODGATE_FUZZ_SEED names it to see a day again.
        private static var seeds: [String] {
            let today = Int(Date().timeIntervalSince1970) / 86_400
            return ["1", ProcessInfo.processInfo.environment["FLOODGATE_FUZZ_SEED"] ?? "day-\(today)"]
        }

        @Test(arguments: seeds) func `answers as the core does`(seed: String) async throws {
            let fuzzer = SharedData.repository + "/Scripts/differential/fuzz.py"
            let outcome = try await Program.run(
                try Program.python(),
                [
                    fuzzer, "run", "--evaluator", try Program.floodgate(), "--seed", seed, "--pairs", "6000",
                    "--cases", "120", "--small", "--shrink-seconds", "10", "--reports", "3",
                ]
            )
            print(outcome.output)
            #expect(outcome.status == 0, "\(outcome)")
        }
    }
}
