// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Which Floodgate this is.
package enum FloodgateVersion {
    /// The version, as in the changelog.
    package static let current = "0.1.0"
}
