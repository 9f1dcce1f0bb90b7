// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateWarehouse

/// What a part of the log says that it accepted: the log's side of the ledger.
package struct LoggedSegment: Sendable, Hashable {
    /// An environment and a minute.
    package struct Key: Sendable, Hashable {
        package var environment: String
        /// Unix milliseconds of its beginning.
        package var minute: Int64

        package init(environment: String, minute: Int64) {
            self.environment = environment
            self.minute = minute
        }
    }

    /// The segment's number, the upper bits of the positions in it.
    package var number: Int64
    /// Whether nothing is added to it any more.
    package var isSealed: Bool
    package private(set) var entries: [Key: LoggedSums] = [:]

    package init(number: Int64, isSealed: Bool) {
        self.number = number
        self.isSealed = isSealed
    }

    /// Adds what was accepted at a time in Unix milliseconds.
    package mutating func add(_ sums: LoggedSums, environment: String, at time: Int64) {
        let remainder = time % 60_000
        let minute = time &- (remainder < 0 ? remainder + 60_000 : remainder)
        entries[Key(environment: environment, minute: minute), default: LoggedSums(idXor: 0, idSum: 0)].add(sums)
    }

    /// The same as entries of the ledger of `node`, without what the log does not know; sums over unknown ids are 0.
    package func ledger(of node: String) -> [LedgerEntry] {
        entries.map { key, sums in
            var ledger = LedgerSums()
            ledger.batches = sums.batches
            ledger.accepted = sums.events
            ledger.idXor = sums.idXor ?? 0
            ledger.idSum = sums.idSum ?? 0
            return LedgerEntry(
                block: "",
                node: node,
                segment: number,
                environment: key.environment,
                minute: key.minute,
                sums: ledger
            )
        }
    }
}

/// Counts of accepted events, and two sums that show which they were.
package struct LoggedSums: Sendable, Hashable {
    package var batches: Int64 = 0
    package var events: Int64 = 0
    /// The exclusive or of the first 64 bits of their ids; nil if those of some are not known.
    package var idXor: UInt64?
    /// The sum, wrapped around.
    package var idSum: UInt64?

    package init(batches: Int64 = 0, events: Int64 = 0, idXor: UInt64?, idSum: UInt64?) {
        self.batches = batches
        self.events = events
        self.idXor = idXor
        self.idSum = idSum
    }

    mutating func add(_ other: LoggedSums) {
        batches &+= other.batches
        events &+= other.events
        idXor = idXor.flatMap { own in other.idXor.map { own ^ $0 } }
        idSum = idSum.flatMap { own in other.idSum.map { own &+ $0 } }
    }

    func adding(_ other: LoggedSums) -> LoggedSums {
        var sums = self
        sums.add(other)
        return sums
    }
}
