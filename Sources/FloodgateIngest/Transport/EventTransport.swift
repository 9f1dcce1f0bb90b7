// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// Brings logged batches from the nodes that accept them to whoever loads them; every adapter passes `checkEventTransport`.
///
/// At least once and in no order: a batch may come twice, and the log of the node that accepted it stays the original.
package protocol EventTransport: Sendable {
    /// Into how many parts the flow is divided; a batch is always in the part that `EventPartition` says.
    var partitionCount: Int { get }

    /// Whether the broker can be reached now; cheap.
    var isConnected: Bool { get }

    /// Connects, and makes what is missing at the broker.
    ///
    /// Does nothing when all is there; may be called again after a failure.
    /// - Throws: `.unavailable` if trying again may help, `.refused` or `.misconfigured` if somebody has to do something.
    func prepare() async throws(TransportError)

    /// Hands `batch`, accepted by `node`, to the broker, and returns when that has all its copies.
    ///
    /// What was handed over lately under the same id, which is made of the node and the batch's position, is not kept again.
    /// - Returns: Where it is, and whether the broker has not had it before.
    /// - Throws: `TransportError`; the batch may be there all the same, and is to be sent again.
    @discardableResult
    func publish(_ batch: LoggedBatch, from node: String) async throws(TransportError) -> TransportReceipt

    /// Batches of `partition` that nobody else holds.
    ///
    /// They are the caller's until it acknowledges them, gives them back, or has not been heard of for some minutes.
    ///
    /// - Parameters:
    ///   - partition: From 0 to below `partitionCount`; others have no batches.
    ///   - limit: The most that come.
    ///   - time: How long to wait for the first.
    /// - Returns: The batches in the order of their sequence, unless some of them come again; none if there are none.
    /// - Throws: `.unavailable` if the broker does not answer.
    func pull(
        partition: Int,
        limit: Int,
        within time: Duration
    ) async throws(TransportError) -> [TransportDelivery]

    /// Which batches a partition may have.
    /// - Throws: `.unavailable` if the broker does not answer.
    func extent(of partition: Int) async throws(TransportError) -> TransportExtent

    /// The batch with `sequence` in `partition`, whoever holds it; nil if it was acknowledged, or never was there.
    ///
    /// It comes without a token: it is not handed out by this.
    /// - Throws: `.unavailable` if the broker does not answer.
    func read(partition: Int, sequence: UInt64) async throws(TransportError) -> TransportDelivery?

    /// Whether it is the batch at `position` of `node`'s log that `partition` has under `sequence`; nil if there is nothing.
    /// - Throws: `.unavailable` if the broker does not answer.
    func isKept(
        _ position: Int64,
        of node: String,
        in partition: Int,
        at sequence: UInt64
    ) async throws(TransportError) -> Bool?

    /// What whoever loads `partition` wrote down last, and its version; empty and 0 if nobody did.
    /// - Throws: `.unavailable` if the broker does not answer.
    func note(of partition: Int) async throws(TransportError) -> TransportNote

    /// Writes down `text` for whoever loads `partition`, in the place of what has `version`.
    /// - Returns: The version of the new note.
    /// - Throws: `.overtaken` if another note is there; `.unavailable` if the broker does not answer, and then either may be.
    func setNote(_ text: String, of partition: Int, replacing version: UInt64) async throws(TransportError) -> UInt64

    /// Has the broker forget `deliveries`, which whoever asked for them has kept for good.
    /// - Throws: `TransportError`; then some of them come again.
    func acknowledge(_ deliveries: [TransportDelivery]) async throws(TransportError)

    /// Says that `deliveries` are still being worked on, so that nobody else gets them.
    /// - Throws: `TransportError`; then some of them may come again.
    func extend(_ deliveries: [TransportDelivery]) async throws(TransportError)

    /// Gives `deliveries` back, so that they come again at once, here or elsewhere.
    /// - Throws: `TransportError`; then some of them come again later.
    func release(_ deliveries: [TransportDelivery]) async throws(TransportError)

    /// How much is on its way.
    /// - Throws: `.unavailable` if the broker does not answer.
    func status() async throws(TransportError) -> TransportStatus

    /// Lets go of the connection; every later call throws `.closed`.
    func shutdown() async
}
