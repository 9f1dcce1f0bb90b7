// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateJSON

extension JSONValue {
    /// Roughly how many bytes the value takes in memory.
    package var sizeEstimate: Int {
        switch self {
        case .null, .bool, .number: 16
        case .string(let text): 16 + text.utf8.count
        case .array(let items): items.reduce(16) { $0 + $1.sizeEstimate }
        case .object(let object): object.reduce(0) { $0 + 48 + $1.name.utf8.count + $1.value.sizeEstimate }
        }
    }
}
