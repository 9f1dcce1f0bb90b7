// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateIngest
import FloodgateJSON
import FloodgateWarehouse

/// The fast reader of events takes nothing that the careful one refuses, finds the same, and makes rows that are JSON.
enum EventsTarget {
    private static let receivedAt: Int64 = 1_750_000_362_000

    static func fault(in bytes: [UInt8]) -> String? {
        do {
            let scanner = try EventScanner()
            // With a key, too, of which ids are made in another way.
            return try fault(in: bytes, key: nil, scanner) ?? fault(in: bytes, key: "key", scanner)
                ?? rowFault(bytes)
        } catch {
            return "\(error)"
        }
    }

    private static func fault(in bytes: [UInt8], key: String?, _ scanner: EventScanner) throws -> String? {
        let limits = EventBatchReader()
        let read = try? limits.read(bytes, receivedAt: receivedAt)
        let scanned = try scan(bytes, key, limits, scanner)
        guard let read else { return scanned == nil ? nil : "a body is taken that the careful reader refuses" }
        if let scanned {
            guard scanned.eventCount == read.batch.events.count,
                scanned.exposureCount == read.batch.events.count(where: \.isExposure)
            else { return "the readers count other events" }
            guard scanned.rejected == read.rejected else { return "the readers reject other events" }
        }
        // Written anew, a batch is plain enough for the fast one, and its events have the same ids.
        var roomy = limits
        roomy.depth = 80
        roomy.valueCount = .max
        guard let again = try scan(read.batch.bytes, key, roomy, scanner), again.isClean else {
            return "a body that was written anew is not taken"
        }
        guard let scanned else { return nil }
        return again.idXor == scanned.idXor && again.idSum == scanned.idSum
            ? nil : "ids change when a body is written anew"
    }

    private static func scan(
        _ bytes: [UInt8],
        _ key: String?,
        _ limits: EventBatchReader,
        _ scanner: EventScanner
    ) throws -> ScannedBatch? {
        let body = BodyBuffer()
        body.fill(bytes)
        let seed = EventIdentity.seed(environment: "production")
        return try scanner.scan(
            body,
            ScanTerms(seed: seed, receivedAt: receivedAt, idempotencyKey: key, limits: limits)
        )
    }

    /// What is accepted becomes rows: as many as there are events, each an object.
    private static func rowFault(_ bytes: [UInt8]) throws -> String? {
        let request = IntakeRequest(
            body: bytes,
            environment: "production",
            keyKind: "client",
            receivedAt: receivedAt
        )
        guard let packed = try? BatchPacker().pack(request, limits: IntakeLimits()) else { return nil }
        let builder = try BlockBuilder(node: "n")
        do { _ = try builder.add(packed.logged, events: nil, deadReason: nil) } catch {
            return "what was accepted makes no rows: \(error)"
        }
        let block = builder.finish(id: "b", day: ArrivalDay(of: receivedAt), ledger: [])
        let rows = block.rows.values.flatMap { $0.split(separator: UInt8(ascii: "\n")) }
        guard rows.count == packed.logged.eventCount else {
            return "\(packed.logged.eventCount) events make \(rows.count) rows"
        }
        let areObjects = rows.allSatisfy { (try? JSONValue(parsing: Array($0)))?.objectValue != nil }
        return areObjects ? nil : "a row is no JSON object"
    }
}

/// Bodies as SDKs send them, and some of the oddities that come along.
enum EventSeeds {
    static let bodies: [[UInt8]] = [
        #"{"events":[]}"#,
        #"""
        {"events":[{"eventName":"purchase","time":1750000361000,"user":{"userID":"u-1","customIDs":{"companyID":"c"},
        "privateAttributes":{"a":1}},"value":9.5,"metadata":{"sku":"x","n":10}}],
        "statsigMetadata":{"sdkType":"js","sessionID":"s1"}}
        """#,
        #"""
        {"events":[{"eventName":"statsig::gate_exposure","time":1750000361000,"user":{"userID":"u"},"value":null,
        "metadata":{"gate":"g","gateValue":"true","ruleID":"r","reason":"Network:Recognized"},
        "secondaryExposures":[{"gate":"h","gateValue":"false","ruleID":"default"}]},
        {"eventName":"statsig::config_exposure","time":"1750000361000","metadata":{"config":"c","ruleID":"r"}},
        {"eventName":"statsig::layer_exposure","metadata":{"config":"l","parameterName":"p","allocatedExperiment":"e",
        "isExplicitParameter":"true"}}],"user":{"userID":"all"}}
        """#,
        #"""
        {"events":[{"eventName":"statsig::diagnostics","metadata":{"context":"initialize",
        "markers":[{"url":"https://h/v1/x/secret-abc.json"}]}},{"eventName":"a","id":"given"},{"eventName":""},7,null,
        {"time":1},{"eventName":"b","time":1e400},{"eventName":"c","value":-0.0,"time":-1},
        {"eventName":"d","value":18446744073709551616,"metadata":{"\ud83d\ude00":"\u0000"}}],"extra":[1,{"x":[]}]}
        """#,
        #"{"events":[{"eventName":"e","eventName":"f"},{"eventName":"e"},{"eventName":"e"}],"events":[]}"#,
    ].map { Array($0.utf8) }

    /// Names of members that a body may have.
    static let members = [
        "events", "eventName", "metadata", "secondaryExposures", "statsigMetadata", "gate", "parameterName",
        "allocatedExperiment", "sessionID", "sdkType", "markers", "context",
    ]
}
