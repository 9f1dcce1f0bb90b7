// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON

/// What a client-initialize response adds to the one that a client holds: entries that are new or others, and names of
/// those that are gone.
///
/// The client puts both together and compares a hash of what comes out with `checksumV2`; if that differs it asks for
/// everything, so that a delta can be useless but never wrong.
enum ClientDelta {
    /// The three lists of entries, and what the names of those that are gone are called.
    private static let sections = [
        ("feature_gates", "deleted_gates"), ("dynamic_configs", "deleted_configs"), ("layer_configs", "deleted_layers"),
    ]

    /// The delta from `old` to `new`, both whole responses; nil where it would not be much shorter than `new`.
    static func bytes(from old: [UInt8], to new: [UInt8]) -> [UInt8]? {
        let limits = JSONLimits(depth: 512, sizeBytes: .max)
        guard let old = try? JSONValue(parsing: old, limits: limits).objectValue,
            let full = try? JSONValue(parsing: new, limits: limits).objectValue
        else { return nil }
        var delta = full
        var compared = JSONObject()
        for (section, deletions) in sections {
            guard let before = old[section]?.objectValue, let after = full[section]?.objectValue else { return nil }
            compared[section] = .object(after)
            var changed = JSONObject()
            for entry in after where before[entry.name].map({ $0.bytes != entry.value.bytes }) ?? true {
                changed[entry.name] = entry.value
            }
            delta[section] = .object(changed)
            let gone = before.names.filter { after[$0] == nil }
            if !gone.isEmpty { delta[deletions] = .array(gone.map { .string($0) }) }
        }
        delta["is_delta"] = true
        // The lists, the entries in them and the members of each entry are sorted; what is below stays as it came.
        let text = ECMAScriptText.text(of: .object(compared), .sorted(levels: 2))
        delta["checksumV2"] = .string(ECMAScriptText.djb2(text))
        let bytes = JSONValue.object(delta).bytes
        return bytes.count < new.count / 4 * 3 ? bytes : nil
    }
}
