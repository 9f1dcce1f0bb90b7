// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Metrics
import Synchronization

/// Instruments that tests can read.
final class RecordingMetrics: MetricsFactory {
    private struct State {
        var values: [String: [Double]] = [:]
        var onRecord: @Sendable () -> Void = {}
        var isRecording = false
    }

    private let state = Mutex(State())

    /// What each instrument was given, counters in all.
    var values: [String: [Double]] { state.withLock { $0.values } }

    /// Does something whenever an instrument is given something, but for what follows from that.
    func onRecord(_ action: @escaping @Sendable () -> Void) { state.withLock { $0.onRecord = action } }

    fileprivate func record(_ name: String, _ value: Double, isSum: Bool = false) {
        let action = state.withLock { state -> (@Sendable () -> Void)? in
            if isSum {
                state.values[name] = [(state.values[name]?.first ?? 0) + value]
            } else {
                state.values[name, default: []].append(value)
            }
            guard !state.isRecording else { return nil }
            state.isRecording = true
            return state.onRecord
        }
        guard let action else { return }
        action()
        state.withLock { $0.isRecording = false }
    }

    private final class Instrument: CounterHandler, FloatingPointCounterHandler, MeterHandler, RecorderHandler,
        TimerHandler
    {
        let name: String
        let metrics: RecordingMetrics

        init(_ label: String, _ dimensions: [(String, String)], _ metrics: RecordingMetrics) {
            let more = dimensions.map { "\($0.0)=\($0.1)" }.sorted().joined(separator: ",")
            self.name = more.isEmpty ? label : "\(label){\(more)}"
            self.metrics = metrics
        }

        func increment(by amount: Int64) { metrics.record(name, Double(amount), isSum: true) }
        func increment(by amount: Double) { metrics.record(name, amount, isSum: true) }
        func decrement(by amount: Double) { metrics.record(name, -amount, isSum: true) }
        func reset() {}
        func set(_ value: Int64) { metrics.record(name, Double(value)) }
        func set(_ value: Double) { metrics.record(name, value) }
        func record(_ value: Int64) { metrics.record(name, Double(value)) }
        func record(_ value: Double) { metrics.record(name, value) }
        func recordNanoseconds(_ duration: Int64) { metrics.record(name, Double(duration)) }
    }

    func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        Instrument(label, dimensions, self)
    }

    func makeFloatingPointCounter(
        label: String,
        dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler { Instrument(label, dimensions, self) }

    func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        Instrument(label, dimensions, self)
    }

    func makeRecorder(label: String, dimensions: [(String, String)], aggregate: Bool) -> any RecorderHandler {
        Instrument(label, dimensions, self)
    }

    func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        Instrument(label, dimensions, self)
    }

    func destroyCounter(_ handler: any CounterHandler) {}
    func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) {}
    func destroyMeter(_ handler: any MeterHandler) {}
    func destroyRecorder(_ handler: any RecorderHandler) {}
    func destroyTimer(_ handler: any TimerHandler) {}
}
