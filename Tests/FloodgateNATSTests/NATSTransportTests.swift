// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateIngest
import FloodgateNATS
import Testing

@Suite("NATS transport") struct NATSTransportTests {
    @Test(arguments: [1, 3])
    func `keeps the promises of a transport`(brokers: Int) async throws {
        let cluster = try NATSCluster(brokers)
        let transport = try await cluster.transport("partitions=2")
        try await checkEventTransport(transport)
    }
}
