// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateClickHouse
import FloodgateWarehouse
import Testing

@Suite("ClickHouse address") struct ClickHouseAddressTests {
    @Test func `reads everything that may stand there`() throws {
        let address = try ClickHouseAddress(
            "clickhouse://load%40er:p%3Aw@ch-1:8124,[::1],ch-2/facts?cluster=main&quorum=2&reader=r:%25&tls=true"
        )
        #expect(address.hosts.map(\.name) == ["ch-1", "[::1]", "ch-2"])
        #expect(address.hosts.map(\.port) == [8124, 8443, 8443])
        #expect([address.user.name, address.user.password] == ["load@er", "p:w"])
        #expect([address.reader?.name, address.reader?.password] == ["r", "%"])
        #expect(address.database == "facts")
        #expect(address.cluster == "main")
        #expect(address.quorum == 2)
        #expect(address.isSecure)
    }

    @Test(arguments: ["clickhouse://ch", "clickhouse://ch/", "clickhouse://ch:8123/floodgate?tls=false"])
    func `has defaults`(text: String) throws {
        let address = try ClickHouseAddress(text)
        #expect(address.hosts.map(\.port) == [8123])
        #expect([address.user.name, address.user.password] == ["default", ""])
        #expect(address.database == "floodgate")
        #expect(address.reader == nil && address.cluster == nil && address.quorum == 0 && !address.isSecure)
    }

    @Test(arguments: [
        "", "http://ch", "clickhouse://", "clickhouse://ch:0", "clickhouse://ch:65536", "clickhouse://ch:x",
        "clickhouse://a b", "clickhouse://:8123", "clickhouse://[::1", "clickhouse://[x]", "clickhouse://ch/1day",
        "clickhouse://ch/a`b", "clickhouse://ch/a/b", "clickhouse://ch?cluster=", "clickhouse://ch?cluster=a'b",
        "clickhouse://ch?color=red", "clickhouse://ch?tls=yes", "clickhouse://ch?quorum=2",
        "clickhouse://ch?cluster=a&quorum=-1", "clickhouse://ch?cluster=a&cluster=b", "clickhouse://ch-1,ch-2",
        "clickhouse://@ch", "clickhouse://u:sesame%@ch", "clickhouse://u:sesame%0A@ch", "clickhouse://u:sesame%+1@ch",
        "clickhouse://u:sesame%FF@ch",
    ])
    func `refuses what it would misunderstand, and repeats no password`(text: String) {
        let error = #expect(throws: WarehouseError.self) { try ClickHouseAddress(text) }
        #expect(error?.code == .failed)
        #expect(error?.message.contains("clickhouse://user:password@host") == true)
        #expect(error?.message.contains("sesame") == false)
    }
}
