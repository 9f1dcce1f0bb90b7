// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

@_spi(Tape) package import FloodgateJSON

// What was read and found good, but not copied: texts and values stay on the tape. One reading serves two ends, the
// model that the control plane works with (`Spec`) and the ruleset that evaluation runs on.

/// A spec on a tape; see `Spec` for what its members mean.
package struct SpecView {
    package internal(set) var name: JSONView
    package internal(set) var type: JSONView
    package internal(set) var entity: JSONView
    package internal(set) var salt: JSONView
    package internal(set) var isEnabled = false
    package internal(set) var defaultValue: JSONView
    package internal(set) var rules: [RuleView] = []
    package internal(set) var idType: JSONView
    package internal(set) var explicitParameters: JSONView?
    package internal(set) var hasSharedParams: Bool?
    package internal(set) var isActive: Bool?
    package internal(set) var version: UInt32?
    package internal(set) var targetAppIDs: JSONView?
    package internal(set) var forwardAllExposures: Bool?
    package internal(set) var useNewLayerEval: Bool?
    var json: JSONView

    /// A view that `SpecReader` fills, spec after spec, so that the list of rules keeps its memory.
    init(startingAt json: JSONView) {
        name = json
        type = json
        entity = json
        salt = json
        defaultValue = json
        idType = json
        self.json = json
    }
}

/// A rule on a tape; see `Rule`.
package struct RuleView {
    package let name: JSONView
    package let id: JSONView
    package let salt: JSONView?
    package let passPercentage: JSONNumber
    package let returnValue: JSONView
    package let idType: JSONView
    package let groupName: JSONView?
    package let configDelegate: JSONView?
    package let isExperimentGroup: Bool?
    package let samplingRate: UInt64?
    /// Ids as texts, and conditions as objects that were found good.
    package let conditions: JSONView
    let json: JSONView
}

/// A condition on a tape; see `Condition`.
package struct ConditionView {
    package let type: JSONView
    package let idType: JSONView
    package let `operator`: JSONView?
    package let field: JSONView?
    package let targetValue: JSONView?
    package let additionalValues: JSONView?
    /// The whole object.
    package let json: JSONView
}

extension ConditionView {
    /// Reads a condition that a reader has found good already.
    package init(knownGood json: JSONView) {
        func text(_ value: JSONView?) -> JSONView? { value?.kind == .string ? value : nil }
        type = json["type"] ?? json
        idType = json["idType"] ?? json
        self.operator = text(json["operator"])
        field = text(json["field"])
        targetValue = json["targetValue"]
        additionalValues = json["additionalValues"].flatMap { $0.kind == .object ? $0 : nil }
        self.json = json
    }
}
