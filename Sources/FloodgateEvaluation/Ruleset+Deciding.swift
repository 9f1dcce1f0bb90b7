// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

// Most specs ask nothing but the user, the time and the environment. They are decided here in registers, without the
// state that nested gates, delegates and traces need; everything else goes the long way (`evaluate`), which comes to the
// same answer for these specs, as tests hold the two against each other.

/// What the rules of a plain spec come to.
struct Decision: BitwiseCopyable {
    /// The place of the first rule whose conditions all hold; -1 if there is none.
    var rule: Int32
    /// Whether that rule's share lets the unit through.
    var passes: Bool

    static let none = Decision(rule: -1, passes: false)
}

/// The last bucket, since the groups of an experiment ask for the same one in turn.
struct BucketMemo: BitwiseCopyable {
    var salt: Int32 = -1
    var unit: Int32 = -1
    var number: Int64 = 0
}

extension Ruleset {
    /// The spec at `index` if it can be decided without the state of a full evaluation.
    @inline(__always)
    func plainSpec(_ index: Int32, as kind: Kind) -> UnsafePointer<CompiledSpec>? {
        guard index >= 0, kind != .experiment || !hasBandits else { return nil }
        let spec = specs.pointer(to: index)
        return spec.pointee.isPlain ? spec : nil
    }

    /// The value of a plain gate.
    @inline(__always)
    func decideGate(
        _ spec: UnsafePointer<CompiledSpec>,
        for user: UserStorage,
        in surroundings: borrowing Surroundings
    ) -> Bool {
        let decision = decide(spec, for: user, in: surroundings)
        return decision.rule >= 0 && decision.passes
            ? !rules.pointer(to: decision.rule).pointee.returnsFalse : spec.pointee.defaultIsTrue
    }

    /// Decides a plain spec.
    @inline(__always)
    func decide(
        _ spec: UnsafePointer<CompiledSpec>,
        for user: UserStorage,
        in surroundings: borrowing Surroundings
    ) -> Decision {
        var memo = BucketMemo()
        var place = spec.pointee.rules.start
        let end = spec.pointee.rules.end
        while place < end {
            let rule = rules.pointer(to: place)
            var position = rule.pointee.conditions.start
            let last = rule.pointee.conditions.end
            while position < last {
                let condition = conditions.pointer(to: ruleConditions.pointer(to: position).pointee)
                if !holds(condition, for: user, in: surroundings, &memo) { break }
                position &+= 1
            }
            if position == last { return Decision(rule: place, passes: passes(rule.pointee, for: user)) }
            place &+= 1
        }
        return .none
    }

    @inline(__always)
    private func holds(
        _ condition: UnsafePointer<CompiledCondition>,
        for user: UserStorage,
        in surroundings: borrowing Surroundings,
        _ memo: inout BucketMemo
    ) -> Bool {
        switch condition.pointee.type {
        case .always: return true
        case .bucket(let salt):
            // Only the order of numbers makes sense of a bucket.
            guard let target = quickTargets.pointer(to: condition.pointee.target).pointee.number else { break }
            let number = Double(bucket(salt, condition.pointee.unit, of: user, &memo))
            switch condition.pointee.operation {
            case .lt: return number < target
            case .lte: return number <= target
            case .gt: return number > target
            case .gte: return number >= target
            default: break
            }
        case .userField:
            guard let attribute = condition.pointee.attribute else { break }
            let text = user.text(attribute)
            // An attribute without a text may stand among the custom ones.
            if !text.isEmpty, let answer = compare(text, condition) { return answer }
        default: break
        }
        return holdsInGeneral(condition, for: user, in: surroundings, &memo)
    }

    /// Compares a text, where the operator and the target are of the ordinary kinds.
    @inline(__always)
    private func compare(
        _ text: UnsafeBufferPointer<UInt8>,
        _ condition: UnsafePointer<CompiledCondition>
    ) -> Bool? {
        let target = quickTargets.pointer(to: condition.pointee.target)
        let operation = condition.pointee.operation
        switch operation {
        case .any, .none:
            guard let keys = target.pointee.keys else { return nil }
            let found = keys._withUnsafeGuaranteedRef { $0.find(lowercasing: text) }
            guard found != ByteTable.notASCII else { return nil }
            return (found >= 0) == (operation == .any)
        case .anyCaseSensitive, .noneCaseSensitive:
            guard let keys = target.pointee.exactKeys else { return nil }
            let found = keys._withUnsafeGuaranteedRef { $0.find(text) }
            return (found >= 0) == (operation == .anyCaseSensitive)
        case .versionGt, .versionGte, .versionLt, .versionLte, .versionEq, .versionNeq:
            guard let order = target.pointee.version?.compare(text) else { return nil }
            switch operation {
            case .versionGt: return order > 0
            case .versionGte: return order >= 0
            case .versionLt: return order < 0
            case .versionLte: return order <= 0
            case .versionEq: return order == 0
            default: return order != 0
            }
        default: return nil
        }
    }

    private func holdsInGeneral(
        _ condition: UnsafePointer<CompiledCondition>,
        for user: UserStorage,
        in surroundings: borrowing Surroundings,
        _ memo: inout BucketMemo
    ) -> Bool {
        let left = left(condition.pointee, of: user, in: surroundings, &memo)
        return compare(left, condition.pointee, in: surroundings)
    }
}
