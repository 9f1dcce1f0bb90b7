// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import Testing

@Suite("Accept-Encoding") struct AcceptEncodingTests {
    @Test(arguments: [
        "gzip", "GZIP", "statsig-br, gzip, deflate, br", "gzip;q=0.5", "br;q=1, gzip ; q=0.001", "identity, gzip;Q=1",
    ])
    func `takes gzip by its name`(header: String) { #expect(AcceptEncoding.allowsGzip(header)) }

    @Test(arguments: [
        "", "identity", "br", "*", "*;q=1", "deflate, zstd", "x-gzip", "gzip;q=0", "gzip;q=0.000", "gzip;q=-1",
        "gzip;q=x",
        "gzip;level=9", "gzipped",
    ])
    func `sends plain bytes to all others`(header: String) { #expect(!AcceptEncoding.allowsGzip(header)) }

    @Test func `sends plain bytes to who says nothing`() { #expect(!AcceptEncoding.allowsGzip(nil)) }
}
