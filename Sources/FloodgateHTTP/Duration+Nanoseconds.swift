// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

extension Duration {
    /// In nanoseconds, for clocks that count in them; never negative.
    var nanoseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, seconds < 1 << 33 else { return seconds < 0 ? 0 : .max >> 1 }
        return UInt64(seconds) * 1_000_000_000 + UInt64(max(0, attoseconds)) / 1_000_000_000
    }
}
