// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateGzip
import FloodgateJSON
import FloodgateSpecs
import FloodgateTestSupport

extension FuzzTarget {
    /// Real inputs to begin with: the project's own, and the sample documents beside the repository if they are there.
    package var seeds: [[UInt8]] {
        switch self {
        case .json: Traps.texts + Seeds.users.map(\.bytes) + Seeds.demo.map(\.bytes) + Traps.documents.map(\.bytes)
        case .document:
            Traps.documents.map(\.bytes) + [RichDocument.json.bytes, RichDocument.document.bytes(.v1)]
                + Seeds.demo.map(\.bytes) + Seeds.samples + Seeds.documents.map(\.bytes)
        case .user: Seeds.users.map(\.bytes) + [Seeds.kept.bytes]
        case .events: EventSeeds.bodies
        case .regex: Seeds.patterns
        case .texts: Seeds.texts
        case .head: WireSeeds.requests
        case .proxy: WireSeeds.proxyHeaders
        case .connection: WireSeeds.requests + WireSeeds.connections
        case .frames: WireSeeds.frames
        }
    }
}

private enum Seeds {
    /// Documents of which Statsig's core has answered for, made for rare members and values.
    static let documents = recorded.compactMap { $0["specs"] }
    static let users = recorded.flatMap { $0["users"]?.arrayValue?.prefix(2) ?? [] }

    /// Sticky assignments in the names of the rich document.
    static let kept: JSONValue = {
        let value: JSONValue = [
            "value": true, "json_value": ["a": 1], "rule_id": "r", "group_name": "Test",
            "secondary_exposures": [["gate": "g0", "gateValue": "true", "ruleID": "r"]],
            "undelegated_secondary_exposures": [], "config_delegate": "experiment", "explicit_parameters": ["a"],
            "time": 1, "config_version": 1,
        ]
        return ["userID": "user", "experiment": value, "layer": value, "merging": value]
    }()

    private static let recorded: [JSONValue] = {
        let packed = SharedData.repositoryBytes("Tests/Fixtures/evaluation.jsonl.gz") ?? []
        let text = (try? Gzip.decompress(packed, limit: 256 << 20)) ?? []
        return text.split(separator: UInt8(ascii: "\n")).dropFirst().compactMap {
            try? JSONValue(parsing: Array($0), limits: JSONLimits(depth: 512))
        }
    }()

    static let samples: [[UInt8]] = [
        "big_number_dcs", "check_gate_perf_dcs", "dcs_missing_gates", "dcs_non_case_sensitive",
        "dcs_target_app_filtering", "dcs_target_app_filtering_hashed_keys", "dcs_user_agent_versions",
        "dcs_with_analytical_exposure_sampling", "dcs_with_checksum", "dcs_with_sampling", "dcs_with_sdk_configs",
        "demo_proj_dcs", "shared_dict_original_dcs", "dcs_error",
    ].compactMap { SharedData.bytes("data/specs/\($0).json") }

    /// The demo project as a document with its conditions in place.
    static let demo: [JSONValue] = {
        let folder = "Sources/FloodgateControlPlane/Demo"
        var lists: [String: [JSONValue]] = [:]
        for name in Folder.names(in: "\(SharedData.repository)/\(folder)")
        where name.utf8.reversed().starts(with: "nosj.".utf8) {
            guard let bytes = SharedData.repositoryBytes("\(folder)/\(name)"),
                let json = try? JSONValue(parsing: bytes)
            else { continue }
            switch name.prefix(while: { $0 != "_" }) {
            case "config", "experiment": lists["dynamic_configs", default: []].append(json)
            case "layer": lists["layer_configs", default: []].append(json)
            default: lists["feature_gates", default: []].append(json)
            }
        }
        guard !lists.isEmpty else { return [] }
        var document: JSONObject = ["has_updates": true, "time": 1]
        for name in ["feature_gates", "dynamic_configs", "layer_configs"] { document[name] = .array(lists[name] ?? []) }
        return [.object(document)]
    }()

    static let patterns: [[UInt8]] = {
        let bytes = SharedData.repositoryBytes("Tests/Fixtures/regex.jsonl") ?? []
        return bytes.split(separator: UInt8(ascii: "\n")).enumerated().compactMap { index, line in
            guard let json = try? JSONValue(parsing: Array(line)), let pattern = json["pattern"]?.stringValue else {
                return nil
            }
            let texts = json["texts"]?.arrayValue?.compactMap(\.stringValue) ?? []
            return Array(pattern.utf8) + [0] + Array((texts.isEmpty ? "" : texts[index % texts.count]).utf8)
        }
    }()

    static let texts: [[UInt8]] = {
        let agents = SharedData.bytes("data/specs/ua_string_cases.json").flatMap { try? JSONValue(parsing: $0) }
        let ours = [
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Safari/537.36",
            "Mozilla/5.0 (iPhone; CPU iPhone OS 16_6 like Mac OS X) AppleWebKit/605.1.15 Version/16.6 Safari/604.1",
            "1.10.2-beta\u{0}1.9", "99999999999999999999.1\u{0}+1. 2", "8.8.8.8", "255.255.255.255", "16843009",
            "2023-11-14T22:13:20.123Z", "2023-11-14T22:13:60+14:00", "-0001-1-4 2:3:0", "1700000000", "1e400", "-nan",
            "0.1e-5", "9007199254740993", "\u{391}\u{3A3}", "\u{130}STANBUL \u{1E9E}", "+abc\n-abc\n+\n",
        ]
        return (ours + (agents?.objectValue?.names ?? [])).map { Array($0.utf8) }
    }()
}
