// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
internal import FloodgateEvents
internal import FloodgateJSON
internal import FloodgateSpecs
internal import Synchronization

/// The document that the client answers from, with everything that evaluation sees besides; one writer at a time.
final class CurrentSpecs: Sendable {
    /// What became of a document that was offered.
    enum Outcome: Sendable, Hashable {
        /// It replaced the one before.
        case installed
        /// It says that there is nothing new, or has the checksum of the one held.
        case unchanged
        /// It is older than the one held.
        case older
    }

    private struct State {
        var ruleset: Ruleset?
        var source: SpecSource = .uninitialized
        var held: HeldSpecs?
        /// When the document was received, in Unix milliseconds.
        var receivedAt: Int64?
        /// When a source last said that there is nothing newer, likewise.
        var confirmedAt: Int64?
        var environment: JSONObject?
        var runtime = RuntimeSettings()
        var parameterStores = JSONObject()
        var idLists: [String: IDList] = [:]
        var overrides = LocalOverrides()
        var tellsOfEvaluations = false
    }

    private let settings: Settings
    private let timing: Timing
    private let state: Mutex<State>
    let board: SpecBoard

    init(settings: Settings, timing: Timing) {
        self.settings = settings
        self.timing = timing
        let state = State(environment: settings.environment)
        self.state = Mutex(state)
        self.board = SpecBoard { Self.view(of: state, settings, timing) }
    }

    /// What a check sees now.
    var view: SpecView { board.current }

    /// The time and checksum of the document held, for the next request.
    var held: HeldSpecs? { state.withLock { $0.held } }

    /// What there is to know about the specs held, at the wall clock's `now`.
    var status: SpecsStatus {
        let now = timing.wall()
        return state.withLock { state in
            SpecsStatus(
                source: state.source,
                time: state.held?.time,
                checksum: state.held?.checksum,
                receivedAt: state.receivedAt,
                confirmedAt: state.confirmedAt,
                now: now
            )
        }
    }

    /// Where the specs came from, or why there are none.
    var source: SpecSource { state.withLock { $0.source } }

    /// What the documents said about the client's own doings.
    var runtime: RuntimeSettings { state.withLock { $0.runtime } }

    /// Whether there are specs to answer from.
    var isReady: Bool { state.withLock { ($0.held?.time ?? 0) > 0 } }

    /// Says why there are no specs; ignored once there are.
    func explainAbsence(_ source: SpecSource) {
        change { state in
            guard state.ruleset == nil else { return false }
            state.source = source
            return true
        }
    }

    /// Replaces the ID lists.
    func setIDLists(_ lists: [String: IDList]) {
        change { state in
            state.idLists = lists
            return true
        }
    }

    /// Changes the overrides.
    func override(_ edit: (inout LocalOverrides) -> Void) {
        change { state in
            edit(&state.overrides)
            return true
        }
    }

    /// Lets checks tell of themselves, or not, as `isWanted` says when its turn has come.
    func setTellingOfEvaluations(_ isWanted: () -> Bool) {
        change { state in
            let isWanted = isWanted()
            guard isWanted != state.tellsOfEvaluations else { return false }
            state.tellsOfEvaluations = isWanted
            return true
        }
    }

    /// Whoever is asked says that there is nothing newer.
    func confirm() {
        let now = timing.wall()
        state.withLock { $0.confirmedAt = now }
    }

    /// Reads a document, compiles it beside the one in use and puts it in its place if it is newer; `receivedAt` is for one
    /// that was received earlier, and a time to come counts as now.
    func install(
        _ bytes: [UInt8],
        from source: SpecSource,
        receivedAt: Int64? = nil
    ) throws(ClientError) -> Outcome {
        let now = timing.wall()
        let time = min(receivedAt ?? now, now)
        let ruleset: Ruleset?
        do throws(SpecError) { ruleset = try Ruleset(reading: bytes, receivedAt: time) } catch {
            throw ClientError(.document, "The document does not parse: \(error)")
        }
        guard let ruleset else {
            if source != .bootstrap { confirm() }
            return .unchanged
        }
        let verdict = state.withLock { Self.verdict(on: ruleset, held: $0.held) }
        guard verdict == .installed else {
            if verdict == .unchanged { confirm() }
            return verdict
        }
        var outcome = Outcome.installed
        change { state in
            // Another document may have come in meanwhile.
            outcome = Self.verdict(on: ruleset, held: state.held)
            guard outcome == .installed else { return false }
            if state.held == nil, state.environment == nil {
                // The first document decides; an empty environment keeps later ones from doing so.
                state.environment = ruleset.defaultEnvironment.map { ["tier": .string($0)] } ?? JSONObject()
            }
            state.ruleset = ruleset
            state.source = source
            state.held = HeldSpecs(time: ruleset.time, checksum: ruleset.checksum)
            state.receivedAt = time
            // What the application or a disk had may be old: it confirms nothing.
            state.confirmedAt = source == .network || source == .dataStore ? now : nil
            state.runtime.merge(ruleset)
            state.parameterStores = ruleset.parameterStores
            return true
        }
        return outcome
    }

    /// Whether a document replaces the one held: not with the same checksum, and not if it is older.
    private static func verdict(on document: Ruleset, held: HeldSpecs?) -> Outcome {
        guard let held else { return .installed }
        if let old = held.checksum, let new = document.checksum, !old.isEmpty, old == new { return .unchanged }
        return held.time > 0 && document.time < held.time ? .older : .installed
    }

    /// Changes the state and shows the result to readers, in the order of the changes.
    private func change(_ edit: (inout State) -> Bool) {
        state.withLock { state in
            guard edit(&state) else { return }
            let settings = settings
            let timing = timing
            let copy = state
            board.publish { Self.view(of: copy, settings, timing) }
        }
    }

    private static func view(of state: State, _ settings: Settings, _ timing: Timing) -> SpecView {
        var surroundings = Surroundings(now: timing.wall)
        surroundings.environment = state.environment
        surroundings.globalCustomFields = settings.options.globalCustomFields
        surroundings.idLists = state.idLists
        surroundings.overrides = state.overrides.isEmpty ? nil : state.overrides
        surroundings.looksUpCountries = settings.options.looksUpCountries
        let evaluator = Evaluator(state.ruleset, from: state.source, surroundings: surroundings)
        let context = EventContext(
            environment: state.environment.flatMap { $0.isEmpty ? nil : $0 },
            globalCustomFields: settings.options.globalCustomFields,
            details: evaluator.readyDetails
        )
        return SpecView(
            evaluator,
            context: context,
            parameterStores: state.parameterStores,
            dedupeWindow: state.runtime.dedupeWindow,
            sampling: SamplingPolicy(sdkConfigs: state.runtime.sdkConfigs),
            tellsOfEvaluations: state.tellsOfEvaluations
        )
    }
}

/// What documents say about the client's own doings; later ones are merged in member by member.
struct RuntimeSettings: Sendable {
    private(set) var sdkConfigs = JSONObject()
    private(set) var sdkFlags = JSONObject()
    private(set) var diagnostics = JSONObject()

    /// For how many nanoseconds the same exposure is not logged again: 60 s, unless a document says otherwise.
    var dedupeWindow: Int64 {
        let milliseconds = sdkConfigs["exposure_dedupe_ttl_ms"]?.integerValue ?? 60_000
        return min(max(milliseconds, 0), 86_400_000) * 1_000_000
    }

    mutating func merge(_ document: Ruleset) {
        Self.merge(document.sdkConfigs, into: &sdkConfigs)
        Self.merge(document.sdkFlags, into: &sdkFlags)
        Self.merge(document.diagnostics, into: &diagnostics)
    }

    private static func merge(_ members: JSONObject, into object: inout JSONObject) {
        for member in members { object[member.name] = member.value }
    }
}
