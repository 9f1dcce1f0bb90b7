// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateJSON
import FloodgateSpecs

/// A rule in plain words.
struct RuleView: Sendable {
    let ruleTitle: String
    let ruleID: String
    let clauses: [ClauseView]
    let share: String
    let getWord: String
    let ruleBar: String?
    let shortResult: String?
    let resultClass: String
    let longResult: String?
    let rest: String?
    let restClass: String
    let delegate: Bool
    let delegateName: String
    let delegateHref: String
    let rollout: Bool
    let rolloutAction: String
    let rolloutValue: String
    let rolloutRevision: Int64

    init(_ rule: Rule, of entity: Entity, names: EntityNames, frame: PageFrame) {
        self.ruleTitle = rule.groupName ?? (rule.name.isEmpty ? "Rule" : rule.name)
        self.ruleID = rule.id
        let conditions = rule.inlineConditions.filter { $0.type != "public" }
        if conditions.isEmpty {
            self.clauses = [.everyone]
        } else {
            self.clauses = conditions.enumerated().map { index, condition in
                ClauseView(condition, isFirst: index == 0, names: names, frame: frame)
            }
        }
        // Below 100 % the rule still decides: those whom it does not let through get the default.
        let percent = rule.passPercentage.doubleValue
        let isPartial = percent < 100 && (percent > 0 || rule.returnValue.boolValue == true)
        self.share = isPartial ? "\(ValueInWords.percent(rule.passPercentage)) of them" : "All of them"
        self.ruleBar = isPartial ? ValueInWords.percent(rule.passPercentage) : nil
        let fallback = ResultView(entity.spec.defaultValue)
        let result = percent > 0 || isPartial ? ResultView(rule.returnValue) : fallback
        self.delegate = rule.configDelegate != nil
        self.shortResult = result.short
        self.resultClass = result.style
        self.longResult = delegate ? nil : result.long
        self.getWord = percent <= 0 && result.short == nil ? "get the default" : "get"
        self.rest = isPartial ? (fallback.short ?? "the default") : nil
        self.restClass = fallback.style
        self.delegateName = rule.configDelegate ?? ""
        self.delegateHref = frame.base + ConsolePath.page(of: .experiment, name: rule.configDelegate ?? "")
        self.rollout = entity.kind == .gate && rule.returnValue.boolValue == true
        self.rolloutAction = frame.base + ConsolePath.page(of: .gate, name: entity.name) + "/rollout"
        self.rolloutValue = ValueInWords.number(rule.passPercentage)
        self.rolloutRevision = entity.revision
    }
}

/// A condition in a rule's sentence.
struct ClauseView: Sendable {
    let lead: String
    let subject: String?
    let relation: String
    let targets: [TargetView]
    let moreTargets: Int?

    /// The clause of a rule without conditions.
    static let everyone = ClauseView(lead: "For", subject: "everyone", relation: "", targets: [], moreTargets: nil)

    private init(lead: String, subject: String?, relation: String, targets: [TargetView], moreTargets: Int?) {
        self.lead = lead
        self.subject = subject
        self.relation = relation
        self.targets = targets
        self.moreTargets = moreTargets
    }

    init(_ condition: Condition, isFirst: Bool, names: EntityNames, frame: PageFrame) {
        let words = ConditionInWords(condition)
        if let gate = words.gate {
            let kind = names.kind(gate)
            let href = kind.map { frame.base + ConsolePath.page(of: $0, name: gate) }
            let target = TargetView(target: words.targets.first ?? gate, targetHref: href)
            self.init(
                lead: isFirst ? "For" : "and",
                subject: nil,
                relation: words.gateRelation(kind),
                targets: [target],
                moreTargets: nil
            )
        } else {
            self.init(
                lead: words.lead(isFirst: isFirst),
                subject: words.subject,
                relation: words.relation,
                targets: words.targets.map { TargetView(target: $0, targetHref: nil) },
                moreTargets: words.moreTargets > 0 ? words.moreTargets : nil
            )
        }
    }
}

/// What a condition compares with.
struct TargetView: Sendable {
    let target: String
    let targetHref: String?
}
