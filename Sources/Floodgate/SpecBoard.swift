// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateEvaluation
internal import FloodgateJSON
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// What one check sees from beginning to end; immutable, replaced as a whole.
final class SpecView: Sendable {
    let evaluator: Evaluator
    let context: EventContext
    /// The document's parameter stores by name.
    let parameterStores: JSONObject
    /// For how many nanoseconds the same exposure is not logged again.
    let dedupeWindow: Int64

    init(_ evaluator: Evaluator, context: EventContext, parameterStores: JSONObject, dedupeWindow: Int64) {
        self.evaluator = evaluator
        self.context = context
        self.parameterStores = parameterStores
        self.dedupeWindow = dedupeWindow
    }
}

/// Where readers find the current view without getting in each other's way.
///
/// Copying a reference that all threads share would make its count bounce between the cores' caches. So there are
/// several stripes, each with a lock and a view object of its own, and a thread always takes the same one.
final class SpecBoard: Sendable {
    private final class Stripe: Sendable {
        let view: Mutex<SpecView>
        // Keeps the neighbour's lock out of this one's cache line.
        let padding: (UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64, UInt64) = (0, 0, 0, 0, 0, 0, 0, 0)

        init(_ view: SpecView) { self.view = Mutex(view) }
    }

    private static let stripeCount: UInt = 16

    private let stripes: [Stripe]

    init(_ makeView: () -> SpecView) { stripes = (0..<Self.stripeCount).map { _ in Stripe(makeView()) } }

    /// The current view.
    var current: SpecView {
        #if os(Linux)
            let thread = UInt64(pthread_self())
        #else
            let thread = UInt64(UInt(bitPattern: pthread_self()))
        #endif
        let hash = thread &* 0x9E37_79B9_7F4A_7C15
        return stripes[Int(truncatingIfNeeded: hash >> 60)].view.withLock { $0 }
    }

    /// Replaces the view; the old one goes when its last reader is done.
    func publish(_ makeView: () -> SpecView) {
        for stripe in stripes {
            var view = makeView()
            // Swapped, so that the old one is freed outside the lock.
            stripe.view.withLock { swap(&$0, &view) }
        }
    }
}
