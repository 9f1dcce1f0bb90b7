// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON

/// Takes SDK keys out of texts: SDKs report addresses that have their key in the path or the query.
package enum KeyRedaction {
    private static let prefixes: [[UInt8]] = ["secret-", "client-", "console-", "fge_", "fgd_"].map { Array($0.utf8) }

    static func redact(_ event: inout Event) {
        event.value = event.value.map(redacted)
        event.metadata = event.metadata.map(redacted)
        event.statsigMetadata = event.statsigMetadata.map(redacted)
        event.additionalMembers = redacted(event.additionalMembers)
    }

    static func redacted(_ object: JSONObject) -> JSONObject {
        JSONObject(object.lazy.map { ($0.name, redacted($0.value)) })
    }

    // Recursion is bounded by the depth that the parser allows.
    static func redacted(_ value: JSONValue) -> JSONValue {
        switch value {
        case .null, .bool, .number: value
        case .string(let text): .string(redacted(text))
        case .array(let items): .array(items.map(redacted))
        case .object(let object): .object(redacted(object))
        }
    }

    /// `text` with every key replaced by its prefix and `redacted`.
    ///
    /// What has fewer than `shortest` characters behind its prefix is taken for a name, such as `client-side`.
    package static func redacted(_ text: String, shortest: Int = 1) -> String {
        var text = text
        let changed: [UInt8]? = text.withUTF8 { bytes in
            var output: [UInt8]?
            var copied = 0
            var position = 0
            while position < bytes.count {
                guard let prefix = prefixes.first(where: { begins(bytes, at: position, with: $0) }) else {
                    position += 1
                    continue
                }
                var end = position + prefix.count
                let start = end
                while end < bytes.count, isKeyByte(bytes[end]) { end += 1 }
                if end - start >= shortest {
                    var result = output ?? []
                    result.append(contentsOf: bytes[copied..<start])
                    result.append(contentsOf: "redacted".utf8)
                    output = result
                    copied = end
                }
                position = end
            }
            output?.append(contentsOf: bytes[copied...])
            return output
        }
        return changed.map { String(decoding: $0, as: UTF8.self) } ?? text
    }

    private static func begins(_ bytes: UnsafeBufferPointer<UInt8>, at position: Int, with prefix: [UInt8]) -> Bool {
        guard bytes[position] == prefix[0], bytes.count - position >= prefix.count else { return false }
        for offset in 1..<prefix.count where bytes[position + offset] != prefix[offset] { return false }
        return true
    }

    private static func isKeyByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"):
            true
        default: false
        }
    }
}
