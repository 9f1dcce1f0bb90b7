// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateSpecs

// What a document is compiled to: flat records without references, so that reading one costs no reference count.
// Texts, values and targets are numbers into the ruleset's pools; -1 means that there is none.

/// The kinds of names that a document knows.
enum NameSpace: Sendable { case gates, configs, layers }

/// Through which door an entity was asked for.
enum Kind: Sendable {
    case gate, config, experiment, layer

    var nameSpace: NameSpace {
        switch self {
        case .gate: .gates
        case .config, .experiment: .configs
        case .layer: .layers
        }
    }
}

/// A number into the ruleset's pool of texts; the first few are always there.
struct TextIndex: BitwiseCopyable, Sendable, Hashable {
    var index: Int32

    static let none = TextIndex(index: -1)
    static let empty = TextIndex(index: 0)
    static let `default` = TextIndex(index: 1)
    static let disabled = TextIndex(index: 2)
    static let override = TextIndex(index: 3)
    static let prestart = TextIndex(index: 4)
    static let inlineTargetingRules = TextIndex(index: 5)
    static let wellKnownTexts: [StaticString] = [
        "", "default", "disabled", "override", "prestart", "inlineTargetingRules",
    ]
    static let wellKnown = wellKnownTexts.map { "\($0)" }
}

/// A run of neighbours in one of the ruleset's pools.
struct Extent: BitwiseCopyable, Sendable {
    let start: Int32
    let end: Int32

    init(_ range: Range<Int32>) {
        start = range.lowerBound
        end = range.upperBound
    }

    /// The places in the pool.
    @inline(__always)
    var places: Range<Int> { Int(start)..<Int(end) }
}

enum EntityKind: UInt8, Sendable {
    case gate, segment, holdout, dynamicConfig, experiment, autotune, layer, other

    init(_ name: String) {
        self =
            switch name {
            case "feature_gate": .gate
            case "segment": .segment
            case "holdout": .holdout
            case "dynamic_config": .dynamicConfig
            case "experiment": .experiment
            case "autotune": .autotune
            case "layer": .layer
            default: .other
            }
    }
}

struct CompiledSpec: BitwiseCopyable, Sendable {
    var name: TextIndex
    var idType: TextIndex
    var salt: TextIndex
    var rules: Extent
    var defaultValue: Int32
    var defaultIsTrue: Bool
    var isEnabled: Bool
    var isActive: Bool?
    var isInLayer: Bool?
    var forwardsAllExposures: Bool
    var usesNewLayerEvaluation: Bool
    var entity: EntityKind
    var version: UInt32?
    var explicitParameters: Int32
    var targetApps: Int32
    /// Whether a config mapping stands under this name.
    var hasMappings: Bool
    /// Whether the rules ask nothing but the user, the time and the environment: see `Ruleset.decide`.
    var isPlain = false
}

/// Which share of the units a rule lets through.
enum Share: BitwiseCopyable, Sendable {
    case everyone
    case nobody
    /// Those whose bucket of 10 000 lies below the threshold; the range is the hashed prefix in the ruleset's bytes.
    case below(Double, salt: Extent)
}

struct CompiledRule: BitwiseCopyable, Sendable {
    var id: TextIndex
    var conditions: Extent
    var share: Share
    var unit: UnitIndex
    var returnValue: Int32
    var returnsFalse: Bool
    var isExperimentGroup: Bool
    var groupName: TextIndex
    var delegate: Int32
    var samplingRate: UInt64?
}

/// A kind of unit: 0 is the user ID, others are numbers into the ruleset's list of custom ID types.
struct UnitIndex: BitwiseCopyable, Sendable {
    var index: Int32

    static let userID = UnitIndex(index: 0)
}

enum ConditionType: BitwiseCopyable, Sendable {
    case always
    /// The gate by its place, or -1 if the document has none of that name; a hidden one (a segment) leaves no exposure.
    case gate(spec: Int32, name: TextIndex, isNegated: Bool, isHidden: Bool)
    case userField
    case ip
    case userAgent
    case environment
    case currentTime
    case bucket(salt: Extent)
    case unit
    case targetApp
    case experimentGroup
    case unsupported
}

enum Operator: UInt8, Sendable {
    case gt, gte, lt, lte
    case versionGt, versionGte, versionLt, versionLte, versionEq, versionNeq
    case any, none, anyCaseSensitive, noneCaseSensitive
    case startsWithAny, endsWithAny, containsAny, containsNone, matches
    case before, after, on
    case eq, neq
    case inSegmentList, notInSegmentList
    case arrayContainsAny, arrayContainsNone, arrayContainsAll, notArrayContainsAll
    case unsupported

    init(_ name: String?) {
        self =
            switch name {
            case "gt": .gt
            case "gte": .gte
            case "lt": .lt
            case "lte": .lte
            case "version_gt": .versionGt
            case "version_gte": .versionGte
            case "version_lt": .versionLt
            case "version_lte": .versionLte
            case "version_eq": .versionEq
            case "version_neq": .versionNeq
            case "any": .any
            case "none": .none
            case "any_case_sensitive": .anyCaseSensitive
            case "none_case_sensitive": .noneCaseSensitive
            case "str_starts_with_any": .startsWithAny
            case "str_ends_with_any": .endsWithAny
            case "str_contains_any": .containsAny
            case "str_contains_none": .containsNone
            case "str_matches": .matches
            case "before": .before
            case "after": .after
            case "on": .on
            case "eq": .eq
            case "neq": .neq
            case "in_segment_list": .inSegmentList
            case "not_in_segment_list": .notInSegmentList
            case "array_contains_any": .arrayContainsAny
            case "array_contains_none": .arrayContainsNone
            case "array_contains_all": .arrayContainsAll
            case "not_array_contains_all": .notArrayContainsAll
            default: .unsupported
            }
    }
}

struct CompiledCondition: BitwiseCopyable, Sendable {
    var type: ConditionType
    var operation: Operator
    var unit: UnitIndex
    var field: Int32
    var target: Int32
    /// The attribute that a `user_field` condition looks at first.
    var attribute: FieldName.BuiltIn?

    /// Whether the outcome hangs on nothing but the user, the time and the environment, and leaves no trace behind.
    var isPlain: Bool {
        switch type {
        case .always: return true
        case .userField, .ip, .environment, .currentTime, .bucket, .unit: break
        case .gate, .userAgent, .targetApp, .experimentGroup, .unsupported: return false
        }
        switch operation {
        case .unsupported, .inSegmentList, .notInSegmentList: return false
        default: return true
        }
    }
}

/// A name of an attribute, with everything that its look-up tries.
struct FieldName: Sendable {
    enum BuiltIn: UInt8, Sendable { case userID, email, ip, country, locale, appVersion, userAgent }
    enum Parsed: UInt8, Sendable { case osName, osVersion, browserName, browserVersion }

    let name: String
    let lowercased: String
    /// Looked at first, if it has a text.
    let builtIn: BuiltIn?
    /// Looked at last, even if it is empty.
    let alias: BuiltIn?
    /// What a user agent is asked for.
    let parsed: Parsed?

    init(_ name: String) {
        self.name = name
        let lowercased = name.rustLowercased()
        self.lowercased = lowercased
        builtIn =
            switch lowercased {
            case "userid": .userID
            case "email": .email
            case "ip": .ip
            case "country": .country
            case "locale": .locale
            case "appversion": .appVersion
            case "useragent": .userAgent
            default: nil
            }
        alias =
            switch lowercased {
            case "user_id": .userID
            case "app_version": .appVersion
            case "user_agent": .userAgent
            default: nil
            }
        parsed =
            switch lowercased {
            case "os_name", "osname": .osName
            case "os_version", "osversion": .osVersion
            case "browser_name", "browsername": .browserName
            case "browser_version", "browserversion": .browserVersion
            default: nil
            }
    }
}
