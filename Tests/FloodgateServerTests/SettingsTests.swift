// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateServer
import Testing

@Suite("Listen address") struct ListenAddressTests {
    @Test(arguments: [
        ("127.0.0.1:8080", "127.0.0.1", 8080), ("localhost:0", "localhost", 0), ("[::1]:80", "::1", 80),
        (":8080", "0.0.0.0", 8080), ("0.0.0.0:65535", "0.0.0.0", 65535),
    ])
    func `is a host and a port`(text: String, host: String, port: Int) throws {
        let address = try #require(ListenAddress(text))
        #expect(address == ListenAddress(host: host, port: port))
    }

    @Test(arguments: [
        "", "8080", "localhost", "localhost:", "localhost:65536", "localhost:-1", "::1:80", "[::1]", "[::1", "a b:1",
        "[a]:1", "http://a:1",
    ])
    func `is nothing else`(text: String) { #expect(ListenAddress(text) == nil) }

    @Test func `knows how the machine itself reaches it`() {
        #expect(ListenAddress(host: "0.0.0.0", port: 1).localURL == "http://127.0.0.1:1")
        #expect(ListenAddress(host: "::1", port: 1).localURL == "http://[::1]:1")
        #expect(ListenAddress(host: "::1", port: 1).isLoopback)
        #expect(!ListenAddress(host: "0.0.0.0", port: 1).isLoopback)
    }
}
