// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateIngest
import FloodgateNATS
import Testing

@Suite("NATS address") struct NATSAddressTests {
    @Test func `reads brokers, user and parameters`() throws {
        let text =
            "nats://us%65r:p%40%3A@a,b:1,[::1]:2,[::1]?replicas=1&partitions=8&size=3GiB&prefix=x-y&window=60&hold=30"
            + "&ca=/c%20a&cert=/c&key=/k&creds=/u"
        let address = try NATSAddress(text)
        #expect(address.servers == ["a:4222", "b:1", "[::1]:2", "[::1]:4222"])
        #expect(address.user == "user")
        #expect(address.password == "p@:")
        #expect(address.replicas == 1)
        #expect(address.partitions == 8)
        #expect(address.sizeBytes == 3 << 30)
        #expect(address.prefix == "x-y")
        #expect(address.windowSeconds == 60)
        #expect(address.holdSeconds == 30)
        #expect(address.trusted == "/c a")
        #expect(address.certificate == "/c")
        #expect(address.key == "/k")
        #expect(address.credentials == "/u")
        #expect(!address.isEncrypted)
    }

    @Test func `suits production without parameters`() throws {
        let address = try NATSAddress("tls://broker/")
        #expect(address.servers == ["broker:4222"])
        #expect(address.isEncrypted)
        #expect(address.user == nil)
        #expect(address.replicas == 3)
        #expect(address.partitions == 64)
        #expect(address.sizeBytes == 64 << 30)
        #expect(try NATSAddress("nats://user@h?tls=true").isEncrypted)
    }

    @Test(arguments: [
        "", "nats", "nats:", "nats://", "nats:///", "http://h", "nats://h:", "nats://h:x", "nats://h:65536",
        "nats://:1",
        "nats://h,", "nats://,h", "nats://[::1]x", "nats://h?replicas=0", "nats://h?replicas=6", "nats://h?replicas",
        "nats://h?partitions=0", "nats://h?partitions=99999999999999999999", "nats://h?size=5", "nats://h?size=-1GiB",
        "nats://h?size=9999999999999TiB", "nats://h?prefix=a.b", "nats://h?prefix=", "nats://h?tls=yes",
        "nats://h?cert=/c", "nats://h?key=/k", "nats://h?other=1", "nats://u:secret%@h", "nats://u:secret%zz@h",
        "nats://u:secret%ff@h", "nats://h?ca=%00",
    ])
    func `what does not read is an error that names no password`(text: String) {
        let error = #expect(throws: TransportError.self) { try NATSAddress(text) }
        #expect(error?.code == .misconfigured)
        #expect(error?.message.contains("secret") == false)
    }
}
