// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

// What mutations put in: names and values that mean something to a reader.

/// Names of members, types, operators and other texts with a meaning.
enum Words {
    static let members =
        [
            "has_updates", "time", "checksum", "feature_gates", "dynamic_configs", "layer_configs", "condition_map",
            "experiment_to_layer", "layers", "id_lists", "sdk_flags", "sdk_configs", "diagnostics", "param_stores",
            "override_rules", "overrides", "new_config_name", "rule_name", "start_time", "session_replay_info",
            "sampling_rate", "targeting_gate", "recording_blocked", "session_recording_event_triggers",
            "session_recording_exposure_triggers", "session_recording_privacy_settings", "privacy_mode", "cmab_configs",
            "groups", "parameterValues", "config", "alpha", "intercept", "records", "weightsNumerical",
            "weightsCategorical", "sampleRate", "higherIsBetter", "targetingGateName", "app_id", "company_id",
            "default_environment", "response_format", "sdk_keys_to_app_ids", "hashed_sdk_keys_to_app_ids",
            "auto_capture_settings", "disabled_events", "gcir_config", "remove_default_value_gates", "parameters",
            "ref_type", "param_type", "value", "values", "gate_name", "pass_value", "fail_value", "config_name",
            "param_name", "experiment_name", "layer_name", "name", "type", "entity", "salt", "enabled", "defaultValue",
            "idType", "rules", "explicitParameters", "hasSharedParams", "isActive", "version", "targetAppIDs",
            "forwardAllExposures", "useNewLayerEval", "fieldsUsed", "id", "passPercentage", "conditions", "returnValue",
            "groupName", "configDelegate", "isExperimentGroup", "samplingRate", "operator", "targetValue", "field",
            "additionalValues", "userID", "customIDs", "companyID", "stableID", "email", "ip", "userAgent", "country",
            "locale", "appVersion", "custom", "privateAttributes", "statsigEnvironment", "tier", "level", "tags",
            "since",
            "plan", "a", "b", "", "json_value", "rule_id", "group_name", "secondary_exposures", "gateValue", "ruleID",
            "undelegated_secondary_exposures", "config_delegate", "explicit_parameters", "config_version", "merging",
        ] + EventSeeds.members

    static let values =
        RichDocument.operators + [
            "public", "pass_gate", "fail_gate", "user_field", "ip_based", "ua_based", "environment_field",
            "current_time", "user_bucket", "unit_id", "target_app", "experiment_group", "feature_gate", "segment",
            "holdout", "dynamic_config", "experiment", "autotune", "layer", "dcs-v2", "static", "gate", "string",
            "user_id", "app_version", "user_agent", "os_name", "os_version", "browser_name", "browser_version",
            "segment:s", "list", "company_id_list", "production", "Pro", "c0", "c1", "c2", "g0", "g1", "g2",
            "8.8.8.8", "1.10.2-beta", "2023-11-14T22:13:20Z", "2023-11-14 22:13:20", "1e400", "-1", "0x1", "nan", "inf",
            "9223372036854775808", "170141183460469231731687303715884105728", "(?i)a|(.)\\1", "^(a+)+$", "a~b/c",
            "\u{E9}", "e\u{301}", "\u{130}", "\u{3A3}", "\u{0}", "\u{10FFFF}",
        ]

    static let oddValues: [JSONValue] = [
        .null, true, false, 0, 1, -1, .double(0.5), .double(-0.0), 100, .double(100.5), .integer(Int64.max),
        .integer(Int64.min), .number(.unsigned(.max)), .double(1e308), .double(.leastNonzeroMagnitude), 1_700_000_000,
        "", [], [:],
        [.null], ["a", 1], ["a": .null], [["a": []]],
    ]

    /// Pieces of user agents, patterns, addresses, dates and versions.
    static let pieces = [
        "Mozilla/5.0 (", "Windows NT 10.0", "iPhone; CPU iPhone OS 16_6 like Mac OS X", "Mac OS X 10_15_7",
        "Android 13",
        "X11; CrOS x86_64", "Version/16.6", " Safari/604.1", " Chrome/120.0.0.0", " Firefox/115.0", " Edg/1",
        " OPR/1.2",
        " YaBrowser/1.2", "Googlebot/2.1", "; rv:109.0) Gecko", "Kindle/", "CFNetwork/", "MSIE 10.0; Trident/6.0",
        "(?:", "(?=", "(?!", "(?<=", "(?<!", "(?>", "(?<n>", "\\k<n>", "\\1", "(?(1)", "(?i)", "(?x)", "[^",
        "[[:alpha:]",
        "&&", "\\p{L}", "\\P{Greek}", "\\b", "\\K", "\\G", "\\x{10FFFF}", "{2,}", "{1,9}", "*?", "++", "|",
        "255.255.255.255",
        "2023-11-14", "T22:13:20", ".123456789", "+14:00", "Z", "-0001-", "99999999999999999999", "+", "-", ".", "e-",
        " ", "\u{A0}", "\u{1F44D}\u{1F3FD}", "\u{212A}", "\u{FB03}", "\n+abc\n-abc\n",
    ]
}

extension FuzzTarget {
    /// Pieces of texts that are not JSON, for mutations to put in.
    var pieces: [String] {
        switch self {
        case .head, .proxy, .connection, .frames: WireSeeds.pieces
        case .json, .document, .user, .events, .regex, .texts: Words.pieces
        }
    }

    /// The words that fit, as libFuzzer reads them.
    package var dictionary: String {
        let words = isJSON ? (Words.members + Words.values).map { JSONValue.string($0).text } : pieces
        return words.filter { !$0.isEmpty }.map { word in
            let escaped = word.utf8.map { byte in
                switch byte {
                case UInt8(ascii: "\""), UInt8(ascii: "\\"): "\\" + String(Unicode.Scalar(byte))
                case 0x20..<0x7F: String(Unicode.Scalar(byte))
                default: "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
                }
            }
            return "\"\(escaped.joined())\"\n"
        }.joined()
    }
}
