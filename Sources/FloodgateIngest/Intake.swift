// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateEvents
package import Logging
internal import Synchronization

/// How much one request may ask of the intake.
package struct IntakeLimits: Sendable {
    /// Bytes of a body as it comes; 10 MiB by default.
    package var bodySizeBytes = 10 << 20
    /// Bytes of a body when decompressed; 32 MiB by default, and beyond 1 MiB at most a hundred times what was sent.
    package var decompressedSizeBytes = 32 << 20
    /// Bytes of a body, decompressed or not, that is looked at where nothing else may have to wait long; 64 KiB by default.
    package var promptSizeBytes = 64 << 10
    /// Arrays and objects inside each other; 64 by default.
    package var depth = 64
    /// Values in a body; 2 million by default.
    package var valueCount = 2_000_000
    /// Seconds after which a client should try again, when it was told to.
    package var retryAfterSeconds = 5
    /// Seconds after which it should when the log is full; 30 by default.
    package var retryAfterFullSeconds = 30
    /// From which share of the log's quota on nothing but diagnostics of SDKs is refused; 0.8 by default.
    package var diagnosticsShare = 0.8
    /// From which share on batches without an exposure are refused; 0.9 by default.
    package var customEventsShare = 0.9
    /// From which share on everything is; 0.95 by default.
    package var fullShare = 0.95

    /// Makes limits with the defaults above.
    package init() {}
}

/// What the intake has done since it started.
package struct IntakeCounts: Sendable, Hashable {
    /// Requests answered 202.
    package var acceptedRequests: Int64 = 0
    /// Events that are durable.
    package var acceptedEvents: Int64 = 0
    /// Exposures among them.
    package var acceptedExposures: Int64 = 0
    /// Events that were left out of their batch, by reason.
    package var rejectedEvents: [RejectedEvent.Code: Int64] = [:]
    /// Requests that were refused, by reason.
    package var refusedRequests: [IntakeRefusal: Int64] = [:]
}

/// Takes batches of events: checks them, keeps them, and only then says so.
///
/// All work up to the append runs without suspension on the caller's executor, so no more bodies are unpacked at a
/// time than that has threads; behind it the log's queue is bounded.
package final class Intake: Sendable {
    package let log: any EventLog
    package let feed: LiveFeed
    private let promptLog: (any PromptEventLog)?
    private let limits: IntakeLimits
    private let packers = BatchPackerPool()
    private let logger: Logger
    private let state = Mutex(IntakeCounts())

    package init(
        log: any EventLog,
        feed: LiveFeed = LiveFeed(),
        limits: IntakeLimits = IntakeLimits(),
        logger: Logger
    ) {
        self.log = log
        promptLog = log as? any PromptEventLog
        self.feed = feed
        self.limits = limits
        self.logger = logger
    }

    /// What the intake has done since it started.
    package var counts: IntakeCounts { state.withLock { $0 } }

    /// Why every batch is refused now, and not just for a moment; nil if batches are taken.
    package var obstacle: IntakeRefusal? {
        log.trouble.map { IntakeRefusal($0) } ?? (log.fill < limits.fullShare ? nil : .storageFull)
    }

    /// Answers `request`; 202 only when all of its good events are durable.
    package func accept(_ request: IntakeRequest) async -> IntakeAnswer {
        guard request.body.count <= limits.bodySizeBytes else {
            return refuse(
                .bodyTooLarge,
                "The body has more than \(limits.bodySizeBytes) bytes; send fewer events at a time"
            )
        }
        guard log.isAccepting else { return unavailable(.overloaded) }
        let fill = log.fill
        guard fill < limits.fullShare else { return unavailable(.storageFull) }

        let packed: PackedBatch
        do {
            packed = try packers.pack(request, limits: limits)
        } catch let failure as IntakeDecompression.Failure {
            if failure.refusal == .overloaded { return unavailable(.overloaded) }
            return refuse(failure.refusal, failure.message)
        } catch let error as EventBatchError {
            return refuse(IntakeRefusal(error.code), error.message)
        } catch {
            logger.error("Packing a batch failed", metadata: ["error": "\(error)"])
            return unavailable(.storageFailed)
        }
        let logged = packed.logged
        // What results do not hang on makes room for what they do.
        let isAdmitted =
            logged.exposureCount > 0
            || fill < (packed.isDiagnostics ? limits.diagnosticsShare : limits.customEventsShare)
        guard isAdmitted else { return unavailable(.storageFull) }

        guard logged.eventCount > 0 else { return kept(packed, at: 0) }
        do { return kept(packed, at: try await log.append(logged)) } catch { return failed(error) }
    }

    /// Begins to accept what most send, a short batch of good events, for a caller that cannot wait: an event loop.
    ///
    /// `then` is called once there is nothing to wait for any more, by the log, which others wait for. It is given what makes
    /// the answer, to be called once and elsewhere.
    /// - Returns: Whether it has begun; all else is for `accept`, refusals too.
    package func begin(
        _ request: IntakeRequest,
        then: @escaping @Sendable (@escaping @Sendable () -> IntakeAnswer) -> Void
    ) -> Bool {
        guard let promptLog, request.body.count <= limits.promptSizeBytes, log.isAccepting,
            log.fill < limits.diagnosticsShare, let packed = packers.packClean(request, limits: limits),
            packed.logged.eventCount > 0
        else { return false }
        promptLog.append(packed.logged) { [self] result in
            then {
                switch result {
                case .success(let position): self.kept(packed, at: position)
                case .failure(let error): self.failed(error)
                }
            }
        }
        return true
    }

    private func kept(_ packed: PackedBatch, at position: Int64) -> IntakeAnswer {
        let logged = packed.logged
        count(logged, packed.rejected)
        if feed.hasSubscribers { show(logged, at: position) }
        return .accepted(logged.eventCount, rejected: packed.rejected)
    }

    private func failed(_ error: EventLogError) -> IntakeAnswer {
        logger.debug("Appending a batch failed", metadata: ["error": "\(error)"])
        return unavailable(IntakeRefusal(error.code))
    }

    private func show(_ logged: LoggedBatch, at position: Int64) {
        // The answer waits for this, so a long batch is passed over.
        guard feed.admits(logged.eventCount, of: logged.rawSizeBytes, at: logged.receivedAt),
            let batch = try? logged.unpack()
        else { return }
        feed.publish(
            batch.events.enumerated().map { index, event in
                LiveEvent(
                    position: position,
                    index: index,
                    receivedAt: logged.receivedAt,
                    environment: logged.environment,
                    keyKind: logged.keyKind,
                    event: event
                )
            }
        )
    }

    private func count(_ logged: LoggedBatch, _ rejected: [RejectedEvent]) {
        state.withLock { counts in
            counts.acceptedRequests += 1
            counts.acceptedEvents += Int64(logged.eventCount)
            counts.acceptedExposures += Int64(logged.exposureCount)
            for rejection in rejected { counts.rejectedEvents[rejection.code, default: 0] += 1 }
        }
    }

    private func refuse(_ refusal: IntakeRefusal, _ message: String) -> IntakeAnswer {
        state.withLock { $0.refusedRequests[refusal, default: 0] += 1 }
        return .refused(refusal, message)
    }

    private func unavailable(_ refusal: IntakeRefusal) -> IntakeAnswer {
        state.withLock { $0.refusedRequests[refusal, default: 0] += 1 }
        let seconds = refusal == .storageFull ? limits.retryAfterFullSeconds : limits.retryAfterSeconds
        return .unavailable(refusal, retryAfterSeconds: seconds)
    }
}

extension IntakeRefusal {
    init(_ code: EventBatchError.Code) {
        switch code {
        case .notJSON: self = .notJSON
        case .notAnObject, .noEvents: self = .noEvents
        case .tooManyValues: self = .tooManyValues
        }
    }

    init(_ code: EventLogError.Code) {
        switch code {
        case .overloaded: self = .overloaded
        case .full: self = .storageFull
        case .unreplicated: self = .notReplicated
        case .closed: self = .closing
        case .locked, .overtaken, .storage, .corrupt, .unsupportedVersion: self = .storageFailed
        }
    }
}
