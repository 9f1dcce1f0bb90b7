// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
internal import FloodgateEvents

/// Draws the exposures to send where the document asks for it; the same in each process, apart from the first of a kind.
final class ExposureSampler: Sendable {
    /// How long another exposure of the same spec and rule is not the first one.
    private static let firstWindow: Int64 = 60_000_000_000
    /// Anything, so long as every process has the same.
    private static let seed: UInt64 = 0x466C_6F6F_6467_6174
    private static let nobody = FloodgateUser()

    private let first = ExposureWindow()

    /// Whether to send an exposure that says something new, and with what.
    func verdict(
        on exposure: QueuedExposure,
        for user: FloodgateUser,
        in view: SpecView,
        at now: Int64
    ) -> SamplingPolicy.Verdict {
        let logging = exposure.evaluation.logging
        var isLayer = false
        if case .layer = exposure.kind { isLayer = true }
        let candidate = SamplingPolicy.Candidate(
            ruleID: exposure.ruleID,
            // The parameters of a layer are all sent, but for those that no rule decided.
            rate: isLayer ? nil : logging.samplingRate,
            isForced: logging.forwardsAll
                || view.evaluator.ruleset?.asksUnsampledGate(exposure.secondaryExposures) ?? false
        )
        return view.sampling.verdict(on: candidate) {
            let kind = ExposureRecord.Subject.gate(exposure.name, value: true)
            let key = ExposureKey(kind, ruleID: exposure.ruleID, user: Self.nobody, seed: Self.seed)
            return first.admits(key, at: now, window: Self.firstWindow)
        } hash: {
            ExposureKey(exposure.subject, ruleID: exposure.ruleID, user: user, seed: Self.seed).hash
        }
    }
}
