// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import Logging
internal import Synchronization

// What is done about a broker that has lost what it acknowledged.
extension EventPublisher {
    /// Whether something is lost that nothing was done about yet.
    var hasLost: Bool { state.withLock { !$0.lost.isEmpty } }

    /// Asks the broker what it has, and compares.
    func lookForLoss() async throws(TransportError) {
        let (before, mark) = state.withLock { state in
            state.isDoubtful = false
            return (state.sight, state.mark)
        }
        var extents: [TransportExtent] = []
        var taken: Set<Int> = []
        for partition in 0..<transport.partitionCount {
            let extent = try await transport.extent(of: partition)
            extents.append(extent)
            if try await isTaken(partition, extent, before) { taken.insert(partition) }
        }
        state.withLock { state in
            state.lost.formUnion(state.sight.saw(extents, knowing: before).union(taken))
            state.sight.anchor()
            if state.lost.isEmpty { state.settled.saw(extents, having: mark) } else { state.settled = SettledMark() }
            state.isDoubtful = state.isDoubtful || state.sight.isDoubtful
        }
        if hasLost { wake() }
    }

    /// Has all that the log holds sent again, since some of it is neither at the broker nor where the broker's go.
    package func sendAgain() {
        state.withLock { $0.lost.formUnion(0..<transport.partitionCount) }
        wake()
    }

    /// Whether a sequence that a batch of this node was acknowledged with is another batch's now: somebody got it again.
    private func isTaken(
        _ partition: Int,
        _ extent: TransportExtent,
        _ before: BrokerSight
    ) async throws(TransportError) -> Bool {
        guard let part = before.parts[partition], part.epoch ?? extent.epoch == extent.epoch else { return false }
        for anchor in part.anchors where extent.first <= anchor.sequence && anchor.sequence <= extent.last {
            let isKept = try await transport.isKept(
                anchor.position,
                of: node,
                in: partition,
                at: anchor.sequence
            )
            if isKept == false { return true }
        }
        return false
    }

    /// Begins the log again for the partitions that have lost something, beside what is new; what is still there is not sent
    /// again.
    /// - Returns: Whether there are any.
    func beginAgain() -> Bool {
        let lost = state.withLock { state in
            let lost = state.lost
            guard !lost.isEmpty else { return lost }
            state.lost = []
            state.losses += 1
            state.sight.forget(lost)
            state.resentThrough = max(state.resentThrough, state.window.taken >> 32)
            // What was being sent again is begun again, too.
            let known: Set<Int>? = if let again = state.again { again.partitions } else { [] }
            state.again = ResentStretch(after: 0, through: state.window.mark, partitions: known?.union(lost))
            state.passing = (state.window, lost)
            state.window = PublishWindow(mark: state.window.mark)
            state.settled = SettledMark()
            state.isDoubtful = true
            return lost
        }
        guard !lost.isEmpty else { return false }
        logger.critical(
            "The broker has lost batches that it acknowledged; all of them that the log still holds are sent again",
            metadata: ["partitions": "\(lost.sorted().map(String.init).joined(separator: " "))"]
        )
        // Before anything is sent, so that after a kill all of it is.
        keepMark()
        return true
    }
}
