// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Events that wait for callbacks, in order; those that are seldom are not pushed out by evaluations.
struct ClientEventMailbox: Sendable {
    struct Delivery: Sendable {
        var event: ClientEvent
        var readers: [UInt64]
        var isEvaluation: Bool
    }

    static let maxStreamed = 100
    static let maxSeldom = 256
    static let maxEvaluations = 1_000

    private var deliveries: [Delivery] = []
    /// How many deliveries at the front were taken; they are removed in bulk.
    private var taken = 0
    private var evaluations = 0

    private var count: Int { deliveries.count - taken }

    /// Puts an event at the end, if there is room.
    /// - Parameters:
    ///   - event: What happened.
    ///   - readers: Whom to tell of it.
    /// - Returns: How many readers miss an event for it, this one or an older one.
    mutating func put(_ event: ClientEvent, for readers: [UInt64]) -> Int {
        let isEvaluation = event.kind.isEvaluation
        var missed = 0
        if isEvaluation {
            guard evaluations < Self.maxEvaluations else { return readers.count }
            evaluations += 1
        } else if count - evaluations >= Self.maxSeldom,
            let oldest = deliveries[taken...].firstIndex(where: { !$0.isEvaluation })
        {
            missed = deliveries.remove(at: oldest).readers.count
        }
        deliveries.append(Delivery(event: event, readers: readers, isEvaluation: isEvaluation))
        return missed
    }

    /// Takes the oldest.
    mutating func take() -> Delivery? {
        guard taken < deliveries.count else { return nil }
        let delivery = deliveries[taken]
        taken += 1
        if delivery.isEvaluation { evaluations -= 1 }
        if taken > 64, taken * 2 > deliveries.count {
            deliveries.removeFirst(taken)
            taken = 0
        }
        return delivery
    }
}
