// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateEvaluation
package import FloodgateEvents
internal import FloodgateJSON

/// Tells apart exposures that say something new: by what was evaluated, its answer and rule, and who the unit is.
///
/// A 64-bit hash with a secret seed; that two of 100 000 keys agree by chance happens once in 10^9 windows.
package struct ExposureKey: Sendable, Hashable {
    package let hash: UInt64

    package init(_ subject: ExposureRecord.Subject, ruleID: String, user: FloodgateUser, seed: UInt64) {
        var mixer = Mixer(state: seed)
        switch subject {
        case .gate(let name, let value):
            mixer.mix(value ? 1 : 2)
            mixer.mix(name)
        case .config(let name, let rulePassed):
            mixer.mix(rulePassed ? 3 : 4)
            mixer.mix(name)
        case .layer(let name, let parameter, let experiment, let isExplicit):
            mixer.mix(isExplicit ? 5 : 6)
            mixer.mix(name)
            mixer.mix(parameter)
            mixer.mix(experiment ?? "")
        }
        mixer.mix(ruleID)
        mixer.mix(user.userID)
        for member in user.customIDs {
            mixer.mix(member.name)
            mixer.mix(member.value)
        }
        // 0 marks an empty place in the window's table.
        hash = max(1, mixer.state)
    }
}

/// Folds words into a state with one wide multiplication each, in the manner of wyhash.
private struct Mixer {
    var state: UInt64

    mutating func mix(_ word: UInt64) {
        let (high, low) = (state ^ word ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: 0xA076_1D64_78BD_642F)
        state = high ^ low
    }

    mutating func mix(_ text: String) {
        var text = text
        text.withUTF8 { utf8 in
            mix(UInt64(utf8.count))
            let bytes = UnsafeRawBufferPointer(utf8)
            var position = 0
            while position + 8 <= bytes.count {
                mix(bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self))
                position += 8
            }
            var rest: UInt64 = 0
            while position < bytes.count {
                rest = rest << 8 | UInt64(bytes[position])
                position += 1
            }
            mix(rest)
        }
    }

    mutating func mix(_ value: JSONValue?) {
        switch value {
        case nil: mix(7)
        case .string(let text)?: mix(text)
        case let value?:
            mix(8)
            mix(value.text)
        }
    }
}
