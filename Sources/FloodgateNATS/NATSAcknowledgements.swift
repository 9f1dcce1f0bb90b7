// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateNATS
internal import FloodgateIngest
internal import Synchronization

/// Who waits for which message to be acknowledged by the broker.
///
/// The library calls from threads of its own, maybe once more when the connection is closed already. So it is given a
/// number and no pointer: a call that comes too late finds nobody.
final class NATSAcknowledgements: Sendable {
    /// What the broker says of a message that it has.
    struct Receipt: Sendable {
        /// Whether it has not had the message before.
        var isNew: Bool
        /// Its number in the stream.
        var sequence: UInt64
    }

    typealias Waiter = CheckedContinuation<Result<Receipt, TransportError>, Never>

    private struct State {
        // By the message's address, which is its own from before it is sent until it is freed in the handler.
        var waiters: [UInt: Waiter] = [:]
        var isClosed = false
    }

    private struct Directory {
        var next: UInt = 1
        var objects: [UInt: NATSAcknowledgements] = [:]
    }

    private static let directory = Mutex(Directory())
    private let state = Mutex(State())
    private let number: UInt

    init() {
        number = Self.directory.withLock { directory in
            defer { directory.next += 1 }
            return directory.next
        }
        Self.directory.withLock { $0.objects[number] = self }
    }

    /// What the library is to hand to `handler`.
    var closure: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: number) }

    /// Enters `waiter` for `message`, which is not sent yet.
    /// - Returns: Whether the connection is still open; else nobody waits.
    func wait(for message: OpaquePointer, _ waiter: Waiter) -> Bool {
        state.withLock { state in
            guard !state.isClosed else { return false }
            state.waiters[UInt(bitPattern: message)] = waiter
            return true
        }
    }

    /// Takes out whoever waits for the message at `address`.
    func take(_ address: UInt) -> Waiter? {
        state.withLock { $0.waiters.removeValue(forKey: address) }
    }

    /// Tells all who wait that nothing will come.
    func close() {
        Self.directory.withLock { $0.objects[number] = nil }
        let waiters = state.withLock { state in
            state.isClosed = true
            defer { state.waiters = [:] }
            return state.waiters
        }
        for waiter in waiters.values { waiter.resume(returning: .failure(Self.closed)) }
    }

    static let closed = TransportError(.closed, "The connection to the brokers is closed")

    /// Called by the library for each message that was acknowledged, refused or waited for in vain.
    static let handler: jsPubAckHandler = { _, message, acknowledgement, failure, closure in
        let address = UInt(bitPattern: message)
        let result: Result<Receipt, TransportError> =
            if let acknowledgement {
                .success(
                    Receipt(isNew: !acknowledgement.pointee.Duplicate, sequence: acknowledgement.pointee.Sequence)
                )
            } else if let failure {
                .failure(
                    TransportError(failure.pointee.Err, failure.pointee.ErrCode, doing: "Publishing a batch")
                )
            } else {
                .failure(TransportError(NATS_ERR, doing: "Publishing a batch"))
            }
        let object = directory.withLock { $0.objects[UInt(bitPattern: closure)] }
        let waiter = object?.take(address)
        natsMsg_Destroy(message)
        waiter?.resume(returning: result)
    }
}
