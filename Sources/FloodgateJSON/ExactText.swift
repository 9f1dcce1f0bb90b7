// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// A text that is equal to another only if their bytes are.
///
/// Swift's `String` takes canonically equivalent texts for equal (é as one scalar or two); JSON, hashes and all other SDKs do not.
package struct ExactText: Hashable, Sendable {
    /// The text.
    package let text: String

    /// Wraps `text`.
    package init(_ text: String) { self.text = text }

    /// Whether both have the same bytes.
    @inline(__always)
    package static func == (left: ExactText, right: ExactText) -> Bool { left.text.isExactly(right.text) }

    /// Feeds the bytes to `hasher`.
    package func hash(into hasher: inout Hasher) {
        var text = text
        text.withUTF8 { hasher.combine(bytes: UnsafeRawBufferPointer($0)) }
        hasher.combine(UInt8(0xFF))
    }
}

extension String {
    /// Whether both texts have the same bytes.
    @inlinable
    package func isExactly(_ other: String) -> Bool {
        let count = utf8.count
        guard count == other.utf8.count else { return false }
        // Texts with the same words are the same; short ones hold their bytes there, long ones where these lie.
        if unsafeBitCast(self, to: (UInt64, UInt64).self) == unsafeBitCast(other, to: (UInt64, UInt64).self) {
            return true
        }
        let answer = utf8.withContiguousStorageIfAvailable { left in
            other.utf8.withContiguousStorageIfAvailable { right in
                let (left, right) = (UnsafeRawBufferPointer(left), UnsafeRawBufferPointer(right))
                var index = 0
                while index &+ 8 <= count {
                    let (first, second) = (
                        left.loadUnaligned(fromByteOffset: index, as: UInt64.self),
                        right.loadUnaligned(fromByteOffset: index, as: UInt64.self)
                    )
                    if first != second { return false }
                    index &+= 8
                }
                while index < count {
                    if left[index] != right[index] { return false }
                    index &+= 1
                }
                return true
            }
        }
        return (answer ?? nil) ?? utf8.elementsEqual(other.utf8)
    }
}
