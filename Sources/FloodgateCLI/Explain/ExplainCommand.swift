// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateControlPlane
import FloodgateEvaluation
import FloodgateJSON
import FloodgateServer

/// `floodgate explain`: why a user gets what.
struct ExplainCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "explain",
        abstract: "Show why a user gets what: every rule and condition, with the compared values.",
        discussion: """
            Evaluates a gate, dynamic config, experiment, layer or parameter store for one user, as SDKs do, and prints what \
            was looked at on the way:

              floodgate explain new_checkout --user '{"userID": "u-1"}' --data dir
              floodgate explain new_checkout --user-id u-1 --specs specs.json --json

            A user is written as SDKs write it: userID, customIDs, email, ip, userAgent, country, locale, appVersion, \
            custom, privateAttributes, statsigEnvironment. What is printed holds all that is known of the user.

            A name that entities of several kinds have is taken as the first of gate, experiment or dynamic config, \
            layer, parameter store; --kind says otherwise.

            Marks: ✓ holds, ✗ does not hold, ! cannot be said. A bucket is the hash of the text shown beside it, modulo \
            10000 (1000 in conditions on buckets); a rule lets through the buckets below its threshold.

            With --json one object: name, kind, known_as, value, rule_id, id_type, version, reason, group_name, \
            allocated_experiment, secondary_exposures, user, environment, evaluated_at and specs_time (Unix \
            milliseconds), trace, and parameters of a store. The trace has the rules that were tried, each with its \
            conditions (operator, value, target_value, outcome), share (bucket, threshold, hashed) and the entities \
            that were asked. Members without anything to say are left out.

            Exits with 1 if there is nothing of that name, 65 if user or document are broken, 66 if a file is not there.
            """
    )

    @Argument(help: "Name of a gate, dynamic config, experiment, layer or parameter store.") var name: String
    @OptionGroup var user: UserOption
    @Option(
        help: ArgumentHelp(
            "gate, dynamic_config, experiment, layer or parameter_store (default: what has the name).",
            valueName: "kind"
        ),
        transform: { text in
            guard let kind = Explanation.Kind(rawValue: text) else {
                let kinds = Explanation.Kind.allCases.map(\.rawValue).joined(separator: ", ")
                throw ValidationError("write one of \(kinds)")
            }
            return kind
        }
    )
    var kind: Explanation.Kind?
    @OptionGroup var specs: SpecsOption
    @Option(help: ArgumentHelp("Tier that the asking program runs in, such as staging.", valueName: "tier"))
    var tier: String?
    @Flag(help: "Print JSON.") var json = false
    @OptionGroup var data: DataOption

    func run() async throws {
        let user = try user.read()
        let content = try await specs.content(of: data)
        var surroundings = Surroundings(now: SystemClock.now)
        surroundings.idLists = content.idLists
        surroundings.environment = tier.map { ["tier": .string($0)] }
        let ruleset = try Ruleset(compiling: content.document, receivedAt: SystemClock.now())
        let evaluator = Evaluator(ruleset, from: content.source, surroundings: surroundings)
        try checkName(evaluator)
        let explanation = evaluator.explain(name, as: kind, for: user, in: content.document)
        print(json ? explanation.json.text : explanation.text)
    }

    /// Refuses a name that is not there, and says what is.
    private func checkName(_ evaluator: Evaluator) throws {
        let kinds = evaluator.kinds(of: name)
        guard let kind else {
            if kinds.isEmpty { throw ControlError.notFound("entity", name, among: evaluator.names()) }
            return
        }
        if kinds.contains(kind) || kind.isConfig && kinds.contains(where: \.isConfig) { return }
        guard let other = kinds.first else {
            throw ControlError.notFound(kind.words, name, among: evaluator.names(of: kind))
        }
        throw CommandFailure(.failure, "There is no \(kind.words) named \"\(name)\"; it is a \(other.words)")
    }
}

extension Explanation.Kind {
    /// In running text.
    fileprivate var words: String { rawValue.replacing("_", with: " ") }

    /// Dynamic configs and experiments share their names: either can be asked as the other.
    fileprivate var isConfig: Bool { self == .dynamicConfig || self == .experiment }
}
