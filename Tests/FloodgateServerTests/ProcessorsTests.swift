// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateServer
import Testing

@Suite("Processors") struct ProcessorsTests {
    @Test(arguments: [
        ("Name:\tfloodgate\nCpus_allowed:\t3\nCpus_allowed_list:\t0-1\n", 2), ("Cpus_allowed:\t1\n", 1),
        ("Cpus_allowed:\tff,ffffffff,00000000,f000000f\n", 48), ("Cpus_allowed:\t0\n", nil),
        ("Cpus_allowed_list:\t0-1\n", nil), ("", nil),
    ])
    func `are counted by the mask of those allowed`(status: String, count: Int?) {
        #expect(Processors.count(inStatus: status) == count)
    }

    @Test func `are at least one`() { #expect(Processors.available >= 1) }
}
