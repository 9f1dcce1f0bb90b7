// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

// How the document spells what was compiled.

extension Operator {
    /// The document's spelling; nil for those that nobody knows, whose spelling is not kept.
    var name: String? {
        switch self {
        case .gt: "gt"
        case .gte: "gte"
        case .lt: "lt"
        case .lte: "lte"
        case .versionGt: "version_gt"
        case .versionGte: "version_gte"
        case .versionLt: "version_lt"
        case .versionLte: "version_lte"
        case .versionEq: "version_eq"
        case .versionNeq: "version_neq"
        case .any: "any"
        case .none: "none"
        case .anyCaseSensitive: "any_case_sensitive"
        case .noneCaseSensitive: "none_case_sensitive"
        case .startsWithAny: "str_starts_with_any"
        case .endsWithAny: "str_ends_with_any"
        case .containsAny: "str_contains_any"
        case .containsNone: "str_contains_none"
        case .matches: "str_matches"
        case .before: "before"
        case .after: "after"
        case .on: "on"
        case .eq: "eq"
        case .neq: "neq"
        case .inSegmentList: "in_segment_list"
        case .notInSegmentList: "not_in_segment_list"
        case .arrayContainsAny: "array_contains_any"
        case .arrayContainsNone: "array_contains_none"
        case .arrayContainsAll: "array_contains_all"
        case .notArrayContainsAll: "not_array_contains_all"
        case .unsupported: nil
        }
    }
}

extension ConditionType {
    /// The document's spelling; `unsupported` for those that nobody knows.
    var name: String {
        switch self {
        case .always: "public"
        case .gate(_, _, let isNegated, _): isNegated ? "fail_gate" : "pass_gate"
        case .userField: "user_field"
        case .ip: "ip_based"
        case .userAgent: "ua_based"
        case .environment: "environment_field"
        case .currentTime: "current_time"
        case .bucket: "user_bucket"
        case .unit: "unit_id"
        case .targetApp: "target_app"
        case .experimentGroup: "experiment_group"
        case .unsupported: "unsupported"
        }
    }
}

extension EntityKind {
    /// The document's spelling, but `gate` for short; nil for those that nobody knows.
    var name: String? {
        switch self {
        case .gate: "gate"
        case .segment: "segment"
        case .holdout: "holdout"
        case .dynamicConfig: "dynamic_config"
        case .experiment: "experiment"
        case .autotune: "autotune"
        case .layer: "layer"
        case .other: nil
        }
    }
}

extension Kind {
    /// As what an entity is asked for.
    var explained: Explanation.Kind {
        switch self {
        case .gate: .gate
        case .config: .dynamicConfig
        case .experiment: .experiment
        case .layer: .layer
        }
    }
}

extension Operand {
    /// The value as JSON; nil if there is none.
    var json: JSONValue? {
        switch self {
        case .missing: nil
        case .json(let value): value
        case .bucket(let number), .time(let number): .integer(number)
        }
    }
}

extension Target {
    /// The target as JSON, as far as it is kept: items of a list are texts, and those that collapsed are one.
    var json: JSONValue {
        switch content {
        case .null: .null
        case .bool(let flag): .bool(flag)
        case .number: number.map { Int64(exactly: $0).map(JSONValue.integer) ?? .double($0) } ?? .null
        case .text(let text): .string(text)
        case .list(let list): .array((list.ordered ?? list.survivors).map(JSONValue.string))
        case .object(let object): .object(object)
        }
    }
}
