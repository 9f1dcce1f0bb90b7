// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

/// The state of one entity's evaluation, and at its end the result.
struct Outcome {
    enum Status { case recognized, unrecognized, unsupported, overridden }

    enum Value: BitwiseCopyable {
        case unset
        /// A number into the ruleset's values.
        case pooled(Int32)
        /// `extras.parameters`.
        case parameters
    }

    /// What few results have; apart, so that the others neither carry nor release it.
    struct Extras {
        /// Parameters that no document holds as such: overrides, merged layers.
        var parameters: JSONObject?
        var undelegated: [SecondaryExposure]?
        var parameterRuleIDs: JSONObject?
        /// The spec that answered in place of the one that was asked for.
        var mappedTo: String?
    }

    private final class Box {
        var extras = Extras()
    }

    var status = Status.recognized
    var bool = false
    var value = Value.unset
    var ruleID = TextIndex.empty
    var groupName = TextIndex.none
    var isExperimentGroup = false
    var isActive = false
    var isInLayer = false
    var idType = TextIndex.none
    var version: UInt32?
    /// A number into the ruleset's lists of texts.
    var explicitParameters: Int32 = -1
    var delegate = TextIndex.none
    var exposures: [SecondaryExposure] = []
    var isUnsupported = false
    /// A bandit chose by chance or by bucket; shows as `:explore` behind the rule id, whichever that is in the end.
    var isExploring = false
    var samplingRate: UInt64?
    var forwardsAll = false
    /// Where the answer of the one rule that decided stands among the ruleset's; -1 if it is not that simple.
    var answer: Int32 = -1
    private var box: Box?

    init() {}

    var extras: Extras { box?.extras ?? Extras() }

    var hasExtras: Bool { box != nil }

    mutating func setExtras(_ change: (inout Extras) -> Void) {
        let box = box ?? Box()
        change(&box.extras)
        self.box = box
    }

    /// Ends as unsupported; a local override of a delegate before that is what shows, though, as in the Rust core.
    mutating func endUnsupported() {
        if status != .overridden { status = .unsupported }
    }

    mutating func setParameters(_ parameters: JSONObject) {
        setExtras { $0.parameters = parameters }
        value = .parameters
    }
}

/// What one top-level evaluation remembers between its nested ones.
struct Session {
    struct Memo {
        let bool: Bool
        let ruleID: TextIndex
        let exposures: [SecondaryExposure]
        let isUnsupported: Bool
        /// How many gates were nested in one another, this one included.
        let height: Int

        init(_ outcome: Outcome, height: Int) {
            bool = outcome.bool
            ruleID = outcome.ruleID
            exposures = outcome.exposures
            isUnsupported = outcome.status == .unsupported
            self.height = height
        }
    }

    /// A chain of 65 gates is the longest that is evaluated, as in the Rust core.
    static let maximalNesting = 64
    /// Delegations in a chain, as in the Rust core, and config mappings, of which the core counts none.
    static let maximalDelegation = 300
    /// Parts of one evaluation that may be left out for being nested too deep.
    private static let maximalForgiving = 256
    /// Experiments that conditions of one evaluation may ask for their group.
    private static let maximalAsking = 4096
    /// Secondary exposures of one evaluation; documents can be made that double them with every gate.
    static let maximalExposures = 1 << 13

    /// What few evaluations need; apart, so that the others neither carry nor release it.
    final class Rare {
        var memo: [TextIndex: Memo] = [:]
        /// The app that `target_app` conditions see; nil takes the document's own.
        var app: JSONValue?
        var userAgent: UserAgent?
        /// Takes the evaluation down, if an explanation was asked for.
        var recorder: TraceRecorder?
    }

    private(set) var rare: Rare?
    /// Whether there is a recorder: all that an evaluation without one looks at.
    private(set) var isTraced = false
    var nesting = 0
    /// The greatest nesting since the gate on the way began.
    var deepest = 0
    var delegations = 0
    var mappings = 0
    var isTooDeep = false
    /// Config mappings lead in a circle.
    var isHopeless = false
    private(set) var forgiven = 0
    private var askingDepth = 0
    private var askedInAll = 0
    var usedIDList = false
    /// Local overrides are left out of client responses unless asked for.
    var ignoresOverrides = false
    var bucket = BucketMemo()

    init() {}

    /// The start of another top-level evaluation on behalf of this one; nil if these go too far.
    func asking() -> Session? {
        guard askingDepth < Self.maximalNesting, askedInAll < Self.maximalAsking else { return nil }
        var fresh = Session()
        fresh.askingDepth = askingDepth + 1
        fresh.askedInAll = askedInAll + 1
        fresh.ignoresOverrides = ignoresOverrides
        if let app = rare?.app { fresh.makeRare().app = app }
        if let recorder { fresh.record(into: recorder) }
        return fresh
    }

    /// Takes over what counts for both from an evaluation that `asking()` began.
    mutating func take(_ asked: Session) {
        askedInAll = asked.askedInAll
        usedIDList = usedIDList || asked.usedIDList
        if asked.isHopeless {
            isTooDeep = true
            isHopeless = true
        }
    }

    /// Goes on after a part that was nested too deep and may be left out; false if the whole evaluation has to end.
    ///
    /// The core goes on however often that happens, for hours if a document is made for it.
    mutating func forgive() -> Bool {
        guard !isHopeless, forgiven < Self.maximalForgiving else { return false }
        forgiven += 1
        isTooDeep = false
        return true
    }

    var recorder: TraceRecorder? { rare?.recorder }

    /// Has everything taken down from now on.
    mutating func record(into recorder: TraceRecorder) {
        makeRare().recorder = recorder
        isTraced = true
    }

    mutating func makeRare() -> Rare {
        if let rare { return rare }
        let made = Rare()
        rare = made
        return made
    }
}
