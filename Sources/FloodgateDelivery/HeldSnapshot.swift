// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Which snapshot a client says it holds, so that it is not sent the same again.
package struct HeldSnapshot: Sendable, Hashable {
    /// The snapshot's time in Unix milliseconds; nil if the client holds none.
    package var time: UInt64?
    /// The snapshot's checksum as it came, percent-encoded twice, once or not at all; nil if the client did not say.
    package var checksum: String?

    /// Says what a client holds; by default nothing.
    package init(time: UInt64? = nil, checksum: String? = nil) {
        self.time = time
        self.checksum = checksum
    }

    /// Reads the query's `sinceTime` and `checksum`.
    ///
    /// A time below 0 is older than all snapshots, one beyond 64 bits newer than all.
    /// - Returns: nil if `sinceTime` is not an integer.
    package init?(sinceTime: String?, checksum: String?) {
        self.checksum = checksum.flatMap { $0.isEmpty ? nil : $0 }
        guard let sinceTime, !sinceTime.isEmpty else { return }
        if let time = UInt64(sinceTime), sinceTime.utf8.first != UInt8(ascii: "+") {
            self.time = time
            return
        }
        let isNegative = sinceTime.utf8.first == UInt8(ascii: "-")
        let digits = isNegative ? sinceTime.utf8.dropFirst() : sinceTime.utf8[...]
        guard !digits.isEmpty, digits.allSatisfy({ 0x30...0x39 ~= $0 }) else { return nil }
        self.time = isNegative ? nil : .max
    }

    /// Whether the client's checksum, if it sent one, is `current`.
    ///
    /// Statsig's Rust core encodes the checksum twice; others once or not at all.
    package func agrees(with current: String?) -> Bool {
        guard let checksum else { return true }
        guard let current else { return false }
        if checksum == current { return true }
        let once = PercentEncoding.decode(checksum)
        return once == current || PercentEncoding.decode(once) == current
    }
}
