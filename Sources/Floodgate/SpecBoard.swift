// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateThread
internal import FloodgateEvaluation
internal import FloodgateEvents
internal import FloodgateJSON
internal import Synchronization

/// What one check sees from beginning to end; immutable, replaced as a whole.
final class SpecView: Sendable {
    let evaluator: Evaluator
    /// The same, for checks that need not count it.
    let uncounted: Unmanaged<Evaluator>
    let context: EventContext
    /// The document's parameter stores by name.
    let parameterStores: JSONObject
    /// For how many nanoseconds the same exposure is not logged again.
    let dedupeWindow: Int64
    /// Which exposures the document wants to be sent.
    let sampling: SamplingPolicy
    /// Whether somebody listens to checks.
    let tellsOfEvaluations: Bool

    init(
        _ evaluator: Evaluator,
        context: EventContext,
        parameterStores: JSONObject,
        dedupeWindow: Int64,
        sampling: SamplingPolicy,
        tellsOfEvaluations: Bool
    ) {
        self.evaluator = evaluator
        self.uncounted = .passUnretained(evaluator)
        self.context = context
        self.parameterStores = parameterStores
        self.dedupeWindow = dedupeWindow
        self.sampling = sampling
        self.tellsOfEvaluations = tellsOfEvaluations
    }
}

/// Where readers find the current view without getting in each other's way.
///
/// Copying a reference that all threads share would make its count bounce between the cores' caches. So there are
/// several stripes, each with a lock and a view object of its own, and a thread always takes the same one; up to 64
/// threads have one each. That a thread kept its view instead would be faster still, but an idle one would hold on to
/// the document that it last saw, whatever its size.
// SAFETY: the stripes are made in `init`, never moved, and freed with the board.
final class SpecBoard: @unchecked Sendable {
    private struct Stripe: ~Copyable {
        let view: Mutex<SpecView>
        // Keeps the neighbour's lock out of this one's cache line.
        let padding: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)

        init(_ view: SpecView) { self.view = Mutex(view) }
    }

    private static let stripeCount = 64

    private let stripes: UnsafeMutablePointer<Stripe>

    init(_ makeView: () -> SpecView) {
        stripes = .allocate(capacity: Self.stripeCount)
        for index in 0..<Self.stripeCount { (stripes + index).initialize(to: Stripe(makeView())) }
    }

    deinit {
        stripes.deinitialize(count: Self.stripeCount)
        stripes.deallocate()
    }

    /// The current view.
    var current: SpecView {
        let stripe = stripes + (Int(floodgate_thread_number()) & (Self.stripeCount - 1))
        return stripe.pointee.view.withLock { $0 }
    }

    /// Replaces the view; the old one goes when its last reader is done.
    func publish(_ makeView: () -> SpecView) {
        for index in 0..<Self.stripeCount {
            var view = makeView()
            // Swapped, so that the old one is freed outside the lock.
            stripes[index].view.withLock { swap(&$0, &view) }
        }
    }
}
