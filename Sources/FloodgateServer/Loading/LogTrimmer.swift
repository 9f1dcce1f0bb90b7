// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateIngest
package import FloodgateSQLite
package import Logging
import Metrics
import ServiceLifecycle

/// Removes from a log without a warehouse what is old, and the oldest of what there is no room for; only where that was asked
/// for, since nobody has it then.
///
/// What is still to be exported stays, whatever it costs.
package struct LogTrimmer: Service {
    /// The share of the quota down to which the log is trimmed: below that from which the intake refuses anything.
    private static let share = 0.7

    private let log: SQLiteEventLog
    private let keeps: Duration?
    private let exported: @Sendable () -> Int64
    private let registry: MetricsRegistry
    private let now: @Sendable () -> Int64
    private let logger: Logger

    /// Makes a trimmer.
    ///
    /// - Parameters:
    ///   - log: What is trimmed.
    ///   - days: How long events stay; nil is until there is no room.
    ///   - exported: Up to which position nobody needs the log any more.
    ///   - registry: Where it is counted.
    ///   - now: Unix milliseconds.
    ///   - logger: Told of what is removed.
    package init(
        _ log: SQLiteEventLog,
        keepingDays days: Int32?,
        exported: @escaping @Sendable () -> Int64,
        registry: MetricsRegistry,
        now: @escaping @Sendable () -> Int64,
        logger: Logger
    ) {
        self.log = log
        keeps = days.map { .seconds(86_400 * Int64($0)) }
        self.exported = exported
        self.registry = registry
        self.now = now
        self.logger = logger
    }

    package func run() async {
        await cancelWhenGracefulShutdown { [self] in
            repeat { await trim() } while (try? await Task.sleep(for: .seconds(10))) != nil
        }
    }

    /// Removes what is to go now.
    package func trim() async {
        do throws(EventLogError) {
            let segments = try await log.segments().filter(\.isSealed)
            let old = keeps.map { now() - $0.components.seconds * 1_000 }
            var removed: [LoggedSegment] = []
            for segment in segments {
                let isFull = log.fill > Self.share
                guard let time = isFull ? .max : old else { break }
                // Oldest first; one that stays does not keep those behind it, which are asked about themselves.
                if try await log.trim(through: exported(), sealedBefore: time, only: [segment.number]) > 0 {
                    removed.append(segment)
                }
            }
            note(removed)
        } catch {
            logger.warning("The log was not trimmed", metadata: ["error": .string("\(error)")])
        }
    }

    private func note(_ removed: [LoggedSegment]) {
        guard !removed.isEmpty else { return }
        let events = removed.flatMap(\.entries.values).reduce(0) { $0 + $1.events }
        Counter(label: "events_trimmed", factory: registry).increment(by: events)
        logger.notice(
            "Events that no warehouse has were removed from the log",
            metadata: ["segments": .stringConvertible(removed.count), "events": .stringConvertible(events)]
        )
    }
}
