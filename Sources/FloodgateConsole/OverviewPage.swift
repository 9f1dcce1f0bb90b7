// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateSpecs

/// Tables of all entities beside what arrives.
struct OverviewPage: Sendable {
    let summary: String
    let sections: [OverviewSection]
    let live: LivePanel

    init(entities: [Entity], live: [ArrivedEvent], after position: Int64, frame: PageFrame) {
        let exposures = live.filter { $0.kind != .custom }
        self.live = LivePanel(exposures, isFull: false, after: position, frame: frame)
        let layers = Self.layersByExperiment(entities)
        let names = EntityNames(entities)
        let byKind = Dictionary(grouping: entities, by: \.kind)
        func section(_ title: String, _ kinds: [EntityKind], hint: String, detail: String, empty: String)
            -> OverviewSection
        {
            let members = kinds.flatMap { byKind[$0] ?? [] }
            return OverviewSection(
                title: title,
                hint: hint,
                detail: detail,
                empty: empty,
                hasToggles: kinds == [.gate],
                rows: members.enumerated().map { index, entity in
                    OverviewRow(entity, index: index, layer: layers[entity.name], names: names, frame: frame)
                }
            )
        }
        self.sections = [
            section(
                "Gates",
                [.gate],
                hint: "Who gets a feature",
                detail: "Rollout",
                empty: "No gates yet. Import a project with “floodgate import statsig FILE”."
            ),
            section(
                "Dynamic configs",
                [.dynamicConfig],
                hint: "Values that change without a release",
                detail: "Rules",
                empty: "No dynamic configs yet."
            ),
            section(
                "Experiments",
                [.experiment, .autotune],
                hint: "Groups under test",
                detail: "Groups",
                empty: "No experiments yet."
            ),
            section(
                "Layers",
                [.layer],
                hint: "Parameters that experiments share",
                detail: "Experiments",
                empty: "No layers yet."
            ),
            section(
                "Segments and holdouts",
                [.segment, .holdout],
                hint: "Audiences that rules refer to",
                detail: "Rules",
                empty: "No segments or holdouts yet."
            ),
        ]
        let gates = byKind[.gate] ?? []
        let on = gates.filter(\.isEnabled).count
        let running = ((byKind[.experiment] ?? []) + (byKind[.autotune] ?? [])).filter {
            StateView($0).text == "Running"
        }
        self.summary =
            "\(Count.of(on, "gate")) of \(gates.count) on, \(Count.of(running.count, "experiment")) running."
    }

    /// Which layer an experiment lives in: the one with a rule that delegates to it.
    static func layersByExperiment(_ entities: [Entity]) -> [String: String] {
        var layers: [String: String] = [:]
        for layer in entities where layer.kind == .layer {
            for rule in layer.spec.rules {
                if let experiment = rule.configDelegate { layers[experiment] = layer.name }
            }
        }
        return layers
    }
}

/// One table of the overview.
struct OverviewSection: Sendable {
    let sectionID: String
    let sectionTitle: String
    let sectionCount: Int
    let sectionHint: String
    let detailTitle: String
    let emptyText: String
    let hasToggles: Bool
    let hasRows: Bool
    let rows: [OverviewRow]

    init(title: String, hint: String, detail: String, empty: String, hasToggles: Bool, rows: [OverviewRow]) {
        self.sectionID = "section-" + title.lowercased().split(separator: " ").joined(separator: "-")
        self.sectionTitle = title
        self.sectionCount = rows.count
        self.sectionHint = hint
        self.detailTitle = detail
        self.emptyText = empty
        self.hasToggles = hasToggles
        self.hasRows = !rows.isEmpty
        self.rows = rows
    }
}

/// One entity of the overview.
struct OverviewRow: Sendable {
    let name: String
    let href: String
    let summaryLine: String?
    let stateText: String
    let stateClass: String
    let bar: String?
    let detail: String
    let unit: String
    let changed: TimeText
    let changedBy: String
    let toggle: SwitchView?

    init(_ entity: Entity, index: Int, layer: String?, names: EntityNames, frame: PageFrame) {
        self.name = entity.name
        self.href = frame.base + ConsolePath.page(of: entity.kind, name: entity.name)
        self.summaryLine = entity.description.isEmpty ? nil : entity.description
        let state = StateView(entity)
        self.stateText = state.text
        self.stateClass = state.style
        self.unit = entity.spec.idType
        self.changed = TimeText(entity.modifiedTime, now: frame.now)
        self.changedBy = entity.modifiedBy
        self.toggle = SwitchView(entity, id: "switch-\(index)", back: "overview", frame: frame)
        let rules = entity.spec.rules
        switch entity.kind {
        case .gate, .holdout, .segment:
            let rollout = RolloutView(entity, names: names)
            self.bar = rollout.percent
            self.detail = rollout.text
        case .dynamicConfig:
            self.bar = nil
            self.detail = rules.isEmpty ? "the default for all" : Count.of(rules.count, "rule")
        case .experiment, .autotune:
            self.bar = nil
            let groups = rules.filter { $0.isExperimentGroup == true }.map { $0.groupName ?? $0.name }
            let names = groups.isEmpty ? Count.of(rules.count, "rule") : groups.joined(separator: ", ")
            self.detail = layer.map { "\(names); in \($0)" } ?? names
        case .layer:
            self.bar = nil
            let experiments = Set(rules.compactMap(\.configDelegate)).sorted()
            self.detail = experiments.isEmpty ? "none" : experiments.joined(separator: ", ")
        }
    }
}

/// How far a gate is rolled out, in short.
struct RolloutView: Sendable {
    /// As in `50%`; nil if there is no rule that lets anybody pass.
    let percent: String?
    /// Of whom.
    let text: String

    init(_ entity: Entity, names: EntityNames) {
        let opening = entity.spec.rules.filter { $0.returnValue.boolValue == true }
        guard let rule = opening.last else {
            self.percent = nil
            self.text = entity.spec.rules.isEmpty ? "no rules" : "nobody"
            return
        }
        self.percent = ValueInWords.percent(rule.passPercentage)
        let conditions = rule.inlineConditions.filter { $0.type != "public" }
        var text = conditions.first.map { ConditionInWords($0).ofWhom(among: names) } ?? "of everyone"
        if conditions.count > 1 { text += " …" }
        self.text = opening.count > 1 ? "\(text), and \(Count.of(opening.count - 1, "more rule"))" : text
    }
}

extension Rule {
    /// The conditions written out; what stands elsewhere is left out, which stored entities do not do.
    var inlineConditions: [Condition] {
        conditions.compactMap { reference in
            guard case .inline(let condition) = reference else { return nil }
            return condition
        }
    }
}

/// Numbers with their nouns.
enum Count {
    /// As in `1 rule` and `2 rules`.
    static func of(_ number: Int, _ noun: String) -> String { "\(number) \(noun)\(number == 1 ? "" : "s")" }
}
