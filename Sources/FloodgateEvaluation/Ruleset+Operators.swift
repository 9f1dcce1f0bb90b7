// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FloodgateRegex

extension Ruleset {
    /// Compares a left value with a condition's target; ID lists are asked by `isListed`.
    @inline(__always)
    func compare(
        _ left: Operand,
        _ condition: CompiledCondition,
        in surroundings: borrowing Surroundings
    ) -> Bool {
        let target = Int(condition.target)
        switch condition.operation {
        case .gt, .gte, .lt, .lte:
            guard let left = left.number, let right = targets[target].number else { return false }
            switch condition.operation {
            case .gt: return left > right
            case .gte: return left >= right
            case .lt: return left < right
            default: return left <= right
            }
        case .any: return isAny(left, target)
        case .none: return !isAny(left, target)
        case .anyCaseSensitive: return isExactlyAny(left, target)
        case .noneCaseSensitive: return !isExactlyAny(left, target)
        case .versionGt, .versionGte, .versionLt, .versionLte, .versionEq, .versionNeq:
            return compareVersions(left, target, condition.operation)
        case .startsWithAny, .endsWithAny, .containsAny: return contains(left, target, condition.operation)
        case .containsNone: return !contains(left, target, .containsAny)
        case .matches:
            guard let pattern = targets[target].pattern, let text = left.text else { return false }
            return pattern.matches(text)
        case .before, .after, .on: return compareTimes(left, target, condition.operation)
        case .eq: return isEqual(left, targets[target])
        case .neq: return !isEqual(left, targets[target])
        case .arrayContainsAny, .arrayContainsNone, .arrayContainsAll, .notArrayContainsAll:
            return containsItems(left, target, condition.operation)
        case .inSegmentList, .notInSegmentList, .unsupported: return false
        }
    }

    private func isAny(_ left: Operand, _ target: Int) -> Bool {
        guard targets[target].keys != nil else { return false }
        let text = left.text ?? ""
        let found = UnsafeBufferPointer.reading(text) { targets[target].keys?.find(lowercasing: $0) ?? -1 }
        if found != ByteTable.notASCII { return found >= 0 }
        return (targets[target].keys?.find(text.rustLowercased()) ?? -1) >= 0
    }

    private func isExactlyAny(_ left: Operand, _ target: Int) -> Bool {
        guard targets[target].exactKeys != nil else { return false }
        return (targets[target].exactKeys?.find(left.text ?? "") ?? -1) >= 0
    }

    private func compareVersions(_ left: Operand, _ target: Int, _ operation: Operator) -> Bool {
        guard let right = targets[target].version, let text = left.text,
            let order = Version.compare(text, right)
        else { return false }
        switch operation {
        case .versionGt: return order > 0
        case .versionGte: return order >= 0
        case .versionLt: return order < 0
        case .versionLte: return order <= 0
        case .versionEq: return order == 0
        default: return order != 0
        }
    }

    private func contains(_ left: Operand, _ target: Int, _ operation: Operator) -> Bool {
        guard case .list(let list) = targets[target].content else { return false }
        let text = Array((left.text ?? "").rustLowercased().utf8)
        return list.lowercased.contains { key in
            let key = Array(key.utf8)
            switch operation {
            case .startsWithAny: return text.starts(with: key)
            case .endsWithAny: return text.suffix(key.count).elementsEqual(key)
            default: return text.contains(run: key)
            }
        }
    }

    private func compareTimes(_ left: Operand, _ target: Int, _ operation: Operator) -> Bool {
        guard let left = left.time, let right = targets[target].time else { return false }
        switch operation {
        case .before: return left < right
        case .after: return left > right
        default: return left / 86_400_000 == right / 86_400_000
        }
    }

    private func isEqual(_ left: Operand, _ target: Target) -> Bool {
        switch target.content {
        case .null: return left.isNull
        case .bool(let flag):
            guard case .json(.bool(let value)) = left else { return false }
            return value == flag
        case .number: return left.number.flatMap { value in target.number.map { value == $0 } } ?? false
        case .text(let text): return left.text?.isExactly(text) ?? false
        case .list(let list):
            guard let items = left.items, let ordered = list.ordered, items.count == ordered.count else { return false }
            return zip(items, ordered).allSatisfy { AttributeText.text(of: $0)?.isExactly($1) ?? false }
        case .object(let object):
            guard case .json(.object(let members)) = left, members.count == object.count else { return false }
            return members.allSatisfy { member in
                guard let text = AttributeText.text(of: member.value), let other = object[member.name] else {
                    return false
                }
                if case .string(let wanted) = other { return text.isExactly(wanted) }
                return text.isExactly(other.text)
            }
        }
    }

    /// Whether an ID list holds the left text; leaves in the session that one was asked.
    func isListed(
        _ left: Operand,
        _ condition: CompiledCondition,
        _ surroundings: Surroundings,
        _ session: inout Session
    ) -> Bool {
        guard case .text(let name) = targets[Int(condition.target)].content, let text = left.text else { return false }
        // Equal byte for byte: a dictionary would also take another spelling of é.
        guard let place = surroundings.idLists.index(forKey: name), surroundings.idLists.keys[place].isExactly(name)
        else { return false }
        session.usedIDList = true
        return surroundings.idLists.values[place].contains(unitID: text)
    }

    private func containsItems(_ left: Operand, _ target: Int, _ operation: Operator) -> Bool {
        guard let items = left.items, case .list(let list) = targets[target].content else { return false }
        switch operation {
        case .arrayContainsAny, .arrayContainsNone:
            let hit = items.contains { item in
                AttributeText.text(of: item).map { (targets[target].exactKeys?.find($0) ?? -1) >= 0 } ?? false
            }
            return hit == (operation == .arrayContainsAny)
        default:
            let texts = Set(items.compactMap { AttributeText.text(of: $0).map(ExactText.init) })
            let all = list.survivors.allSatisfy { texts.contains(ExactText($0)) }
            return all == (operation == .arrayContainsAll)
        }
    }
}

extension [UInt8] {
    /// Whether `run` occurs somewhere.
    fileprivate func contains(run: [UInt8]) -> Bool {
        guard let first = run.first else { return true }
        guard count >= run.count else { return false }
        var start = 0
        while start <= count - run.count {
            if self[start] == first, self[start..<start + run.count].elementsEqual(run) { return true }
            start += 1
        }
        return false
    }
}
