// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

public import FloodgateJSON

extension Explanation {
    /// What became of a condition, or of all conditions of a rule.
    @nonexhaustive public enum Verdict: String, Sendable, Hashable {
        /// It holds.
        case passed
        /// It does not hold.
        case failed
        /// No evaluator knows its type or operator; the whole evaluation ends there.
        case unsupported
        /// The evaluation was given up before it was done: gates nested too deep, or in a circle.
        case unfinished
    }

    /// How one entity was evaluated: the one that was asked for, or one that it led to.
    public struct Evaluation: Sendable, Hashable {
        /// What became of an evaluation.
        @nonexhaustive public enum Status: String, Sendable, Hashable {
            /// The document knows the name.
            case recognized
            /// The document does not know the name.
            case unrecognized
            /// A condition is unsupported.
            case unsupported
            /// A local override decided.
            case overridden
            /// The evaluation was given up.
            case unfinished
        }

        /// The entity's name.
        public var name: String
        /// `gate`, `segment`, `holdout`, `dynamic_config`, `experiment`, `autotune`, `contextual_bandit` or `layer`.
        public var kind: String
        /// What became of it.
        public var status = Status.unfinished
        /// A gate's boolean, or the JSON value of anything else; nil if there is none.
        public var value: JSONValue?
        /// The rule that decided, `default`, `disabled`, `override`, or empty.
        public var ruleID = ""
        /// The experiment's group.
        public var groupName: String?
        /// Whether the entity is switched on; nil if the document does not know it.
        public var isEnabled: Bool?
        /// Config mappings that were tried in the entity's place.
        public var mappings: [Mapping] = []
        /// The gate that decides for whom a contextual bandit chooses; at most one.
        public var targeting: [Evaluation] = []
        /// What a contextual bandit chose.
        public var choice: Choice?
        /// The rules that were tried, in order; all but a layer's end with the first whose conditions pass.
        public var rules: [Rule] = []
        /// How many rules there are.
        public var ruleCount = 0
        /// The rule behind each parameter, where a layer merges several.
        public var parameterRuleIDs: JSONObject?
        /// The gate was asked earlier in the same evaluation, and its answer kept.
        public var isRemembered = false
        /// Some of what happened is left out, being too much or nested too deep to show.
        public var isCut = false
    }

    /// One branch of an entity.
    public struct Rule: Sendable, Hashable {
        /// The rule's id.
        public var id: String
        /// For people; nil if the explanation was made without the document.
        public var name: String?
        /// The experiment's group that the rule stands for.
        public var groupName: String?
        /// Whether all conditions hold.
        public var verdict = Verdict.unfinished
        /// The conditions; all are tried, also after one failed.
        public var conditions: [Condition] = []
        /// Which share of the units the rule lets through; nil if that was not asked, its conditions having failed.
        public var share: Share?
        /// The experiment that was evaluated instead; at most one.
        public var delegate: [Evaluation] = []
    }

    /// One test in a rule.
    public struct Condition: Sendable, Hashable {
        /// Where the left value comes from, such as `user_field`.
        public var type: String
        /// The user's attribute, the environment's key, or the experiment whose group is asked for.
        public var field: String?
        /// The kind of unit that `unit_id` and `user_bucket` look at.
        public var unit: String?
        /// How the values are compared, such as `any`.
        public var `operator`: String?
        /// The left value; nil if there is none.
        public var value: JSONValue?
        /// The right value; a list may hold texts in place of numbers if the explanation was made without the document.
        public var targetValue: JSONValue?
        /// What came of it.
        public var verdict = Verdict.unfinished
        /// What a `user_bucket` was hashed from: the salt, a point and the unit ID.
        public var hashed: String?
        /// The eight characters that were looked up in an ID list.
        public var listID: String?
        /// Whether the evaluator has the ID list.
        public var hasList: Bool?
        /// The gate or the experiment that was asked; at most one.
        public var asked: [Evaluation] = []
    }

    /// Which share of the units a rule lets through, and whether the user's is in it.
    public struct Share: Sendable, Hashable {
        /// From 0 to 100.
        public var percentage: Double
        /// The kind of unit.
        public var unit: String
        /// The unit's bucket, from 0 through 9 999; nil where all or none pass, so that nothing was hashed.
        public var bucket: Int?
        /// Buckets below this one pass.
        public var threshold: Double
        /// What was hashed: both salts and the unit ID, with points between.
        public var hashed: String?
        /// Whether the unit is let through.
        public var passes: Bool
    }

    /// One entry of the document's `overrides`: a config that answers in place of another.
    public struct Mapping: Sendable, Hashable {
        /// The config that answers if the rule lets the unit through.
        public var newName: String
        /// From when on the entry counts, in Unix milliseconds; nil from the beginning.
        public var startTime: Int64?
        /// Whether that time has come.
        public var hasStarted: Bool
        /// The rule, if it was tried.
        public var rule: Rule?
        /// The answer of the new name, if it was asked; at most one.
        public var evaluation: [Evaluation] = []
    }

    /// What a contextual bandit chose, and from what.
    public struct Choice: Sendable, Hashable {
        /// How a group is chosen.
        @nonexhaustive public enum Way: String, Sendable, Hashable {
            /// There are no models yet: by bucket, in equal shares.
            case bucket
            /// By chance, the rarer recorded the likelier.
            case explore
            /// By the best score; by chance where no group can be scored.
            case exploit
        }

        /// How the group was chosen.
        public var way: Way
        /// The group's id.
        public var groupID: String
        /// The group's name.
        public var groupName: String
        /// The unit's bucket, from 0 through 9 999.
        public var bucket: Int
        /// Buckets below this one explore; nil without models.
        public var threshold: Double?
        /// What was hashed.
        public var hashed: String
        /// The groups' scores by their ids, where they were compared.
        public var scores: [Score]

        /// One group's score.
        public struct Score: Sendable, Hashable {
            /// The group's id.
            public var groupID: String
            /// The score; nil if the group has no model to be scored by.
            public var score: Double?
        }
    }
}
