// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateSpecs

/// An entity in full: what it does in plain words, what happened to it, and how to use it.
struct EntityPage: Sendable {
    let name: String
    let kindText: String
    let kindPlural: String
    let summaryLine: String?
    let stateText: String
    let stateClass: String
    let unit: String
    let layerLink: Bool
    let layerName: String
    let layerHref: String
    let isSwitchedOff: Bool
    let isMarkedOff: Bool
    let toggle: SwitchView?
    let groups: GroupsView?
    let hasParameters: Bool
    let parametersTitle: String
    let parametersHint: String
    let parameters: [ParameterView]
    let rulesTitle: String
    let rules: [RuleView]
    let hasOtherwise: Bool
    let shortDefault: String?
    let defaultClass: String
    let longDefault: String?
    let history: HistoryView
    let facts: [FactView]
    let changed: TimeText
    let changedBy: String
    let hasSnippets: Bool
    let snippets: [SnippetView]

    init(_ content: EntityContent, frame: PageFrame) {
        let entity = content.entity
        let spec = entity.spec
        let state = StateView(entity)
        self.name = entity.name
        self.kindText = entity.kind.title
        self.kindPlural = entity.kind.plural
        self.summaryLine = entity.description.isEmpty ? nil : entity.description
        self.stateText = state.text
        self.stateClass = state.style
        self.unit = spec.idType
        let layer = OverviewPage.layersByExperiment(content.entities)[entity.name]
        self.layerLink = layer != nil && entity.kind != .layer
        self.layerName = layer ?? ""
        self.layerHref = frame.base + ConsolePath.page(of: .layer, name: layer ?? "")
        self.isSwitchedOff = entity.isSwitchedOff
        self.isMarkedOff = state.text == StateView.markedOff
        self.toggle = SwitchView(entity, id: "switch", back: "detail", frame: frame)
        self.groups = GroupsView(entity, inLayer: layer != nil)
        let parameters = spec.defaultValue.objectValue ?? JSONObject()
        self.parameters = parameters.map(ParameterView.init)
        self.hasParameters = !self.parameters.isEmpty
        self.parametersTitle = entity.kind == .dynamicConfig ? "Default values" : "Parameters"
        self.parametersHint = entity.kind == .layer ? "Shared by the experiments of the layer" : ""
        let names = EntityNames(content.entities)
        self.rulesTitle =
            switch entity.kind {
            case .gate: "Who passes"
            case .segment: "Who is in it"
            case .holdout: "Who is held out"
            case .layer: "Who takes part in which experiment"
            case .dynamicConfig, .experiment, .autotune: "Who gets what"
            }
        self.rules = spec.rules.map { RuleView($0, of: entity, names: names, frame: frame) }
        self.hasOtherwise = !spec.rules.contains(where: \.isPublic)
        let fallback = ResultView(spec.defaultValue)
        self.shortDefault = fallback.short
        self.defaultClass = fallback.style
        self.longDefault = fallback.long
        self.history = HistoryView(content.history, namesEntity: false, frame: frame)
        self.facts = [
            FactView("Unit", spec.idType, isMono: true), FactView("Salt", spec.salt, isMono: true),
            FactView("Version", spec.version.map { String($0) } ?? "–", isMono: false),
            FactView("Revision", String(entity.revision), isMono: false),
            FactView("Made", TimeText(entity.createdTime, now: frame.now).exact, isMono: false),
        ]
        self.changed = TimeText(entity.modifiedTime, now: frame.now)
        self.changedBy = entity.modifiedBy
        self.snippets = SnippetView.all(content)
        self.hasSnippets = !snippets.isEmpty
    }
}

/// Which gates, segments and holdouts there are.
struct EntityNames: Sendable {
    private let kinds: [String: EntityKind]

    init(_ entities: [Entity]) {
        let gates = entities.filter { $0.kind.section == .gates }
        self.kinds = Dictionary(gates.map { ($0.name, $0.kind) }, uniquingKeysWith: { first, _ in first })
    }

    /// What kind the gate-like entity `name` is; nil if there is none.
    func kind(_ name: String) -> EntityKind? { kinds[name] }
}

/// A value that a rule returns: in a word, or as a block of JSON.
struct ResultView: Sendable {
    let short: String?
    let style: String
    let long: String?

    init(_ value: JSONValue) {
        switch value {
        case .object, .array:
            self.short = nil
            self.long = ValueInWords.pretty(value)
            self.style = ""
        default:
            self.short = ValueInWords.short(value)
            self.long = nil
            self.style = value == .bool(true) ? "on" : ""
        }
    }
}

/// A parameter with its default.
struct ParameterView: Sendable {
    let parameterName: String
    let parameterKind: String
    let parameterValue: String

    init(_ member: JSONObject.Member) {
        self.parameterName = member.name
        self.parameterValue = ValueInWords.short(member.value)
        self.parameterKind =
            switch member.value {
            case .null: "none"
            case .bool: "boolean"
            case .number: "number"
            case .string: "text"
            case .array: "list"
            case .object: "object"
            }
    }
}

/// A name with its value.
struct FactView: Sendable {
    let factName: String
    let factText: String
    let isMono: Bool

    init(_ name: String, _ text: String, isMono: Bool) {
        self.factName = name
        self.factText = text
        self.isMono = isMono
    }
}
