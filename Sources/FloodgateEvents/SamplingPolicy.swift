// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON

/// Which exposures a document wants to be sent, where there are too many of them to send all.
///
/// Asked for an exposure that says something new; those that repeat one of a moment ago are gone before.
package struct SamplingPolicy: Sendable, Hashable {
    /// Whether exposures that were not drawn are dropped, or sent with a note that they would have been.
    package enum Mode: String, Sendable { case on, shadow }

    /// What becomes of one exposure.
    package enum Verdict: Sendable, Hashable {
        /// It is sent, and nobody has to weight it.
        case exempt
        /// It is sent with what was drawn.
        case sent(ExposureRecord.Sampling)
        /// It is not sent.
        case dropped
    }

    /// What is known of an exposure that says something new.
    package struct Candidate: Sendable, Hashable {
        /// The rule that decided.
        package var ruleID: String
        /// One in so many is to be sent, as the rule says; nil for all.
        package var rate: UInt64?
        /// Whether the document wants it in any case.
        package var isForced: Bool

        package init(ruleID: String, rate: UInt64?, isForced: Bool) {
            self.ruleID = ruleID
            self.rate = rate
            self.isForced = isForced
        }
    }

    /// What is drawn; nil where the document asks for no sampling.
    package let mode: Mode?
    /// One in so many where no rule decided; nil takes the rate of the rule.
    package let specialCaseRate: UInt64?

    /// Sends everything.
    package static let all = SamplingPolicy(sdkConfigs: JSONObject())

    /// Reads `sampling_mode` and `special_case_sampling_rate`.
    package init(sdkConfigs: JSONObject) {
        mode = sdkConfigs["sampling_mode"]?.stringValue.flatMap(Mode.init(rawValue:))
        specialCaseRate = sdkConfigs["special_case_sampling_rate"]?.doubleValue.flatMap { rate in
            UInt64(exactly: max(rate, 0).rounded(.towardZero))
        }
    }

    /// Decides on one exposure.
    /// - Parameters:
    ///   - candidate: what there is to send.
    ///   - isFirst: whether it is the first of its spec and rule for a while; asked only where that counts.
    ///   - hash: of everything that tells the exposure from others, the same in each process; asked only where it is drawn.
    /// - Returns: whether to send it, and with what.
    package func verdict(
        on candidate: Candidate,
        isFirst: () -> Bool,
        hash: () -> UInt64
    ) -> Verdict {
        guard let mode, !candidate.isForced, !isFirst() else { return .exempt }
        let special =
            switch candidate.ruleID {
            case "default", "disabled", "": specialCaseRate
            default: UInt64?.none
            }
        let rate = special ?? candidate.rate
        // One in zero is no rate: losing nothing is the safe reading.
        let isDrawn = rate.map { $0 == 0 || hash() % $0 == 0 } ?? true
        guard isDrawn || mode == .shadow else { return .dropped }
        return .sent(ExposureRecord.Sampling(rate: rate, mode: mode.rawValue, wasLogged: isDrawn))
    }
}
