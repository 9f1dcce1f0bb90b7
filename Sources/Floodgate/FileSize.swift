// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// How long a file is, by the attribute of it.
package enum FileSize {
    /// Reads the attribute, which is an `NSNumber` in a program that links all of Foundation, and an unsigned integer,
    /// which does not cast to `Int`, in one that does not.
    package static func bytes(_ attribute: Any?) -> Int? {
        attribute as? Int ?? (attribute as? any BinaryInteger).flatMap { Int(exactly: $0) }
    }
}
