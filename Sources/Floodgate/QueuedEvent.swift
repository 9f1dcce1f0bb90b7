// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
internal import FloodgateEvents
internal import FloodgateJSON

/// What the client adds to every user in events; shared by all events that were logged under one document.
final class EventContext: Sendable {
    let environment: JSONObject?
    let globalCustomFields: JSONObject
    /// What exposures of ready answers say about the document.
    let details: EvaluationDetails?

    init(environment: JSONObject?, globalCustomFields: JSONObject, details: EvaluationDetails?) {
        self.environment = environment
        self.globalCustomFields = globalCustomFields
        self.details = details
    }
}

/// An event as the caller leaves it: values only, turned into JSON when its batch is sent.
struct QueuedEvent: Sendable {
    enum Content: Sendable {
        case ready(ReadyExposure)
        // Apart, so that the many ready ones are small.
        indirect case exposure(QueuedExposure)
        indirect case custom(name: String, value: JSONValue?, metadata: [String: String])
    }

    /// When it happened, in Unix milliseconds.
    var time: Int64
    var user: FloodgateUser
    var context: EventContext
    var content: Content
}

/// An exposure of an answer that was ready: nothing is to be said that the answer and the context do not.
struct ReadyExposure: Sendable {
    var name: String
    var answer: Answer
    var isGate: Bool
}

/// Any other exposure as the check leaves it: a few references, from which the texts are put together when it is sent.
struct QueuedExposure: Sendable {
    /// Through which call it came about.
    enum Kind: Sendable { case gate, config, layer(LayerRead) }

    /// The parameter of a layer that was read.
    final class LayerRead: Sendable {
        let parameter: String
        let isExplicit: Bool

        init(_ parameter: String, isExplicit: Bool) {
            self.parameter = parameter
            self.isExplicit = isExplicit
        }
    }

    /// What was drawn, where the document asks for it.
    final class Draw: Sendable {
        let sampling: ExposureRecord.Sampling

        init(_ sampling: ExposureRecord.Sampling) { self.sampling = sampling }
    }

    /// The name that was asked for.
    var name: String
    var kind: Kind
    var evaluation: Evaluation
    /// The rule to name where it is not the evaluation's.
    var otherRuleID: String?
    var isManual: Bool
    var draw: Draw?
}

extension QueuedExposure {
    /// The rule that decided.
    var ruleID: String { otherRuleID ?? evaluation.ruleID }

    /// Gates that were asked on the way to what is exposed.
    var secondaryExposures: [SecondaryExposure] {
        if case .layer(let read) = kind, !read.isExplicit { return evaluation.undelegatedSecondaryExposures }
        return evaluation.secondaryExposures
    }

    /// The exposure in its short form; nil if there is more to it.
    func ready(in context: EventContext) -> ReadyExposure? {
        guard evaluation.isReady, otherRuleID == nil, !isManual, draw == nil, evaluation.details == context.details
        else { return nil }
        switch kind {
        case .gate: return ReadyExposure(name: name, answer: evaluation.answer, isGate: true)
        case .config: return ReadyExposure(name: name, answer: evaluation.answer, isGate: false)
        case .layer: return nil
        }
    }

    var subject: ExposureRecord.Subject {
        switch kind {
        case .gate: .gate(name, value: evaluation.passed)
        case .config: .config(name, rulePassed: evaluation.passed)
        case .layer(let read):
            .layer(
                name,
                parameter: read.parameter,
                allocatedExperiment: read.isExplicit ? evaluation.allocatedExperiment : nil,
                isExplicit: read.isExplicit
            )
        }
    }
}

extension QueuedEvent {
    /// Roughly how many bytes the event takes while it waits.
    var sizeEstimate: Int {
        var size = 512 + user.sizeEstimate
        switch content {
        case .ready: break
        case .exposure(let exposure): size += 96 * exposure.evaluation.secondaryExposures.count
        case .custom(let name, let value, let metadata):
            size += name.utf8.count + (value?.sizeEstimate ?? 0)
            for (name, value) in metadata { size += 32 + name.utf8.count + value.utf8.count }
        }
        return size
    }
}
