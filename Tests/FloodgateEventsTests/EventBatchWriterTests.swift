// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateJSON
import Testing

@Suite("Event batch writer") struct EventBatchWriterTests {
    private let user = Array(#"{"userID":"u-9"}"#.utf8)

    @Test func `writes exposures as the Rust core does`() throws {
        var writer = EventBatchWriter()
        writer.append(
            exposure: ExposureRecord(
                .gate("new \"checkout\"", value: true),
                ruleID: "r1",
                reason: "Network:Recognized",
                lastConfigUpdate: 1_750_000_360_000,
                receivedAt: 1_750_000_360_412,
                configVersion: 32,
                secondaryExposures: [ExposureRecord.Secondary(gate: "beta", value: false, ruleID: "default")]
            ),
            user: user,
            time: 1_750_000_361_000
        )
        let expected: JSONValue = [
            "events": [
                [
                    "eventName": "statsig::gate_exposure", "time": 1_750_000_361_000, "user": ["userID": "u-9"],
                    "value": .null,
                    "metadata": [
                        "gate": "new \"checkout\"", "gateValue": "true", "ruleID": "r1", "reason": "Network:Recognized",
                        "lcut": "1750000360000", "receivedAt": "1750000360412", "configVersion": "32",
                    ],
                    "statsigMetadata": [:],
                    "secondaryExposures": [["gate": "beta", "gateValue": "false", "ruleID": "default"]],
                ]
            ],
            "statsigMetadata": ["sdkType": "floodgate-swift"],
        ]
        #expect(try JSONValue(parsing: writer.finish(statsigMetadata: ["sdkType": "floodgate-swift"])) == expected)
    }

    @Test func `writes configs and layers with what only they have`() throws {
        var writer = EventBatchWriter()
        writer.append(
            exposure: ExposureRecord(
                .config("copy", rulePassed: false),
                ruleID: "",
                reason: "Uninitialized",
                overrideConfigName: "other",
                isManual: true,
                sampling: ExposureRecord.Sampling(rate: 10, mode: "shadow", wasLogged: false)
            ),
            user: [],
            time: 1
        )
        writer.append(
            exposure: ExposureRecord(
                .layer("checkout", parameter: "p", allocatedExperiment: nil, isExplicit: false),
                ruleID: "default",
                reason: "Network:Recognized"
            ),
            user: user,
            time: 2
        )
        let events = try JSONValue(parsing: writer.finish(statsigMetadata: [:]))["events"]?.arrayValue ?? []
        #expect(
            events[0]["metadata"] == [
                "config": "copy", "rulePassed": "false", "ruleID": "", "reason": "Uninitialized",
                "overrideConfigName": "other", "isManualExposure": "true",
            ]
        )
        #expect(events[0]["user"] == [:])
        #expect(
            events[0]["statsigMetadata"] == ["samplingRate": 10, "samplingMode": "shadow", "shadowLogged": "dropped"]
        )
        #expect(
            events[1]["metadata"] == [
                "config": "checkout", "parameterName": "p", "allocatedExperiment": "", "isExplicitParameter": "false",
                "ruleID": "default", "reason": "Network:Recognized",
            ]
        )
    }

    @Test func `writes a custom event with every member`() throws {
        var writer = EventBatchWriter()
        writer.append(event: "purchase", value: 9.5, metadata: ["sku": "Ä"], user: user, time: -1)
        writer.append(event: "open", user: user, time: 2)
        #expect(writer.count == 2)
        let text = String(decoding: writer.finish(statsigMetadata: [:]), as: UTF8.self)
        #expect(
            text == """
                {"events":[{"eventName":"purchase","time":-1,"user":{"userID":"u-9"},"value":9.5,\
                "metadata":{"sku":"Ä"},"statsigMetadata":null,"secondaryExposures":null},\
                {"eventName":"open","time":2,"user":{"userID":"u-9"},"value":null,"metadata":null,\
                "statsigMetadata":null,"secondaryExposures":null}],"statsigMetadata":{}}
                """
        )
    }

    @Test func `begins anew after each body`() throws {
        var writer = EventBatchWriter(capacity: 64)
        let empty = writer.finish(statsigMetadata: ["a": 1])
        #expect(String(decoding: empty, as: UTF8.self) == #"{"events":[],"statsigMetadata":{"a":1}}"#)
        writer.append(event: "one", user: user, time: 1)
        let first = writer.finish(statsigMetadata: [:])
        #expect(writer.count == 0)
        #expect(writer.sizeBytes == 0)
        writer.append(event: "one", user: user, time: 1)
        #expect(writer.finish(statsigMetadata: [:]) == first)
    }

    @Test func `writes what the reader reads without a complaint`() throws {
        var writer = EventBatchWriter()
        writer.append(event: "custom", value: "v", metadata: ["k": "v"], user: user, time: 1)
        writer.append(
            exposure: ExposureRecord(.gate("g", value: false), ruleID: "r", reason: "Persisted"),
            user: user,
            time: 2
        )
        let event = Event(name: "statsig::diagnostics", time: 3, metadata: ["context": "initialize", "markers": []])
        writer.append(event)
        let read = try EventBatchReader().read(writer.finish(statsigMetadata: [:]), receivedAt: 9)
        #expect(read.rejected.isEmpty)
        #expect(read.batch.events.map(\.time) == [1, 2, 3])
        #expect(Exposure(read.batch.events[1])?.kind == .gate(value: false))
        #expect(read.batch.events[2] == event)
    }
}
