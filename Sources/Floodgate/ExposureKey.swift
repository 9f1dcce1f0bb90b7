// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateEvaluation
package import FloodgateEvents
internal import FloodgateJSON
internal import Synchronization

/// Tells apart exposures that say something new: by what was evaluated, its answer and rule, and who the unit is.
///
/// A 64-bit hash with a secret seed; that two of 100 000 keys agree by chance happens once in 10^9 windows.
package struct ExposureKey: Sendable, Hashable {
    package let hash: UInt64

    /// The seed of this process.
    private static let secret = UInt64.random(in: .min ... .max)

    package init(_ subject: ExposureRecord.Subject, ruleID: String, user: FloodgateUser, seed: UInt64) {
        var mixer = Mixer(state: seed)
        switch subject {
        case .gate(let name, let value): mixer.mix(name, tag: value ? 1 : 2)
        case .config(let name, let rulePassed): mixer.mix(name, tag: rulePassed ? 3 : 4)
        case .layer(let name, let parameter, let experiment, let isExplicit):
            mixer.mix(name, tag: isExplicit ? 5 : 6)
            mixer.mix(parameter)
            mixer.mix(experiment ?? "")
        }
        mixer.mix(ruleID)
        hash = mixer.finish(user)
    }

    /// The same key, without putting the subject together.
    init(_ exposure: borrowing QueuedExposure, user: FloodgateUser) {
        var mixer = Mixer(state: Self.secret)
        switch exposure.kind {
        case .gate: mixer.mix(exposure.name, tag: exposure.evaluation.passed ? 1 : 2)
        case .config: mixer.mix(exposure.name, tag: exposure.evaluation.passed ? 3 : 4)
        case .layer(let read):
            mixer.mix(exposure.name, tag: read.isExplicit ? 5 : 6)
            mixer.mix(read.parameter)
            mixer.mix(read.isExplicit ? exposure.evaluation.allocatedExperiment ?? "" : "")
        }
        if let ruleID = exposure.otherRuleID { mixer.mix(ruleID) } else { mixer.mix(exposure.evaluation.ruleID) }
        hash = mixer.finish(user)
    }

    /// The same key for a gate that has its answer ready, on which the part that is not the user's is kept.
    @inline(__always)
    init(gate name: String, _ answer: Answer, user: FloodgateUser) {
        let known = answer.exposureHash.load(ordering: .relaxed)
        var mixer = Mixer(state: known != 0 ? known : Self.mixed(name, answer))
        hash = mixer.finish(user)
    }

    private static func mixed(_ name: String, _ answer: Answer) -> UInt64 {
        var mixer = Mixer(state: secret)
        mixer.mix(name, tag: answer.passed ? 1 : 2)
        mixer.mix(answer.ruleID)
        answer.exposureHash.store(mixer.state, ordering: .relaxed)
        return mixer.state
    }
}

/// Folds words into a state with one wide multiplication each, in the manner of wyhash.
private struct Mixer {
    var state: UInt64

    @inline(__always)
    mutating func mix(_ word: UInt64) {
        let (high, low) = (state ^ word ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
        state = high ^ low
    }

    @inline(__always)
    mutating func mix(_ text: String, tag: UInt64) {
        mix(tag)
        mix(text)
    }

    @inline(__always)
    mutating func mix(_ text: String) {
        if text.utf8.withContiguousStorageIfAvailable({ mix($0) }) == nil {
            Array(text.utf8).withUnsafeBufferPointer { mix($0) }
        }
    }

    @inline(__always)
    mutating func mix(_ utf8: UnsafeBufferPointer<UInt8>) {
        mix(UInt64(utf8.count))
        let bytes = UnsafeRawBufferPointer(utf8)
        var position = 0
        while position &+ 8 <= bytes.count {
            mix(bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
            position &+= 8
        }
        guard position < bytes.count else { return }
        if bytes.count >= 8 {
            // The last eight bytes again: what they share with the ones before tells nothing, and loses nothing.
            return mix(bytes.loadUnaligned(fromByteOffset: bytes.count &- 8, as: UInt64.self))
        }
        var rest: UInt64 = 0
        while position < bytes.count {
            rest = rest << 8 | UInt64(bytes[position])
            position &+= 1
        }
        mix(rest)
    }

    /// The key, with the units of `user` mixed in; 0 marks an empty place in the window's table.
    @inline(__always)
    mutating func finish(_ user: FloodgateUser) -> UInt64 {
        user.withUserIDText { mix($0) }
        if user.hasCustomIDs { mixCustomIDs(of: user) }
        return max(1, state)
    }

    private mutating func mixCustomIDs(of user: FloodgateUser) {
        for member in user.customIDs {
            mix(member.name)
            switch member.value {
            case .string(let text): mix(text)
            case let value:
                mix(8)
                mix(value.text)
            }
        }
    }
}
