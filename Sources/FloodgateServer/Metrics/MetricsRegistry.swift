// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import Metrics
import Synchronization

/// The metrics of one process, kept in memory for Prometheus to fetch as text.
///
/// The number of series, of which a histogram is one for each bucket, is bounded: what goes beyond is measured nowhere and
/// counted in `metrics_dropped_series_total`.
package final class MetricsRegistry: MetricsFactory {
    struct Family: Sendable {
        var kind: Kind
        var series: [Labels: Series] = [:]
    }

    enum Kind: String, Sendable { case counter, gauge, histogram }

    enum Series: Sendable {
        case counter(CounterSeries)
        case fractionCounter(FractionCounterSeries)
        case gauge(GaugeSeries)
        case histogram(HistogramSeries)

        var kind: Kind {
            switch self {
            case .counter, .fractionCounter: .counter
            case .gauge: .gauge
            case .histogram: .histogram
            }
        }

        /// Lines in the text.
        var count: Int { if case .histogram(let series) = self { series.bounds.count + 3 } else { 1 } }

        var handler: AnyObject {
            switch self {
            case .counter(let series): series
            case .fractionCounter(let series): series
            case .gauge(let series): series
            case .histogram(let series): series
            }
        }
    }

    /// Label names with their values, sorted by name.
    struct Labels: Sendable, Hashable {
        var pairs: [Pair]
        struct Pair: Sendable, Hashable {
            var name: String
            var value: String
        }
    }

    private struct State: Sendable {
        var families: [String: Family] = [:]
        var seriesCount = 0
        var dropped: Int64 = 0
    }

    /// Seconds, from 1 ms to 10 s.
    static let durationBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
    /// Bytes and counts, from 1 to 16 Mi.
    static let sizeBounds: [Double] = (0...12).map { Double(1 << (2 * $0)) }

    private let state = Mutex(State())
    private let limit: Int

    /// Makes an empty registry that holds at most `limit` series.
    package init(limit: Int = 10_000) { self.limit = limit }

    package func makeCounter(label: String, dimensions: [(String, String)]) -> any CounterHandler {
        let name = Self.suffixed(Self.name(label), "_total")
        let fresh = CounterSeries()
        guard case .counter(let series) = register(name, dimensions, .counter(fresh)) else { return fresh }
        return series
    }

    /// Shows a sum that is kept elsewhere as a counter.
    func raise(_ label: String, _ dimensions: [(String, String)] = [], to total: Int64) {
        (makeCounter(label: label, dimensions: dimensions) as? CounterSeries)?.raise(to: total)
    }

    package func makeFloatingPointCounter(
        label: String,
        dimensions: [(String, String)]
    ) -> any FloatingPointCounterHandler {
        let name = Self.suffixed(Self.name(label), "_total")
        let fresh = FractionCounterSeries()
        guard case .fractionCounter(let series) = register(name, dimensions, .fractionCounter(fresh)) else {
            return fresh
        }
        return series
    }

    package func makeMeter(label: String, dimensions: [(String, String)]) -> any MeterHandler {
        gauge(label, dimensions)
    }

    package func makeRecorder(
        label: String,
        dimensions: [(String, String)],
        aggregate: Bool
    ) -> any RecorderHandler {
        guard aggregate else { return gauge(label, dimensions) }
        return histogram(Self.name(label), dimensions, bounds: Self.sizeBounds)
    }

    package func makeTimer(label: String, dimensions: [(String, String)]) -> any TimerHandler {
        histogram(Self.suffixed(Self.name(label), "_seconds"), dimensions, bounds: Self.durationBounds)
    }

    package func destroyCounter(_ handler: any CounterHandler) { remove(handler) }
    package func destroyFloatingPointCounter(_ handler: any FloatingPointCounterHandler) { remove(handler) }
    package func destroyMeter(_ handler: any MeterHandler) { remove(handler) }
    package func destroyRecorder(_ handler: any RecorderHandler) { remove(handler) }
    package func destroyTimer(_ handler: any TimerHandler) { remove(handler) }

    /// All families by name, and how many series there was no room for.
    var current: (families: [String: Family], dropped: Int64) { state.withLock { ($0.families, $0.dropped) } }

    private func gauge(_ label: String, _ dimensions: [(String, String)]) -> GaugeSeries {
        let fresh = GaugeSeries()
        guard case .gauge(let series) = register(Self.name(label), dimensions, .gauge(fresh)) else { return fresh }
        return series
    }

    func histogram(_ name: String, _ dimensions: [(String, String)], bounds: [Double]) -> HistogramSeries {
        let fresh = HistogramSeries(bounds: bounds)
        guard case .histogram(let series) = register(name, dimensions, .histogram(fresh)) else { return fresh }
        return series
    }

    /// The series that is known by `name` and labels, which is `fresh` if there was none, or nil if there is no room.
    private func register(_ name: String, _ dimensions: [(String, String)], _ fresh: Series) -> Series? {
        let pairs = dimensions.map { Labels.Pair(name: Self.name($0.0), value: $0.1) }.sorted { $0.name < $1.name }
        let labels = Labels(pairs: pairs)
        return state.withLock { state in
            let known = state.families[name]?.series[labels]
            if let known, type(of: known.handler) == type(of: fresh.handler) { return known }
            let isForeign = known != nil || state.families[name].map { $0.kind != fresh.kind } ?? false
            guard state.seriesCount + fresh.count <= limit, !isForeign else {
                state.dropped += 1
                return nil
            }
            state.families[name, default: Family(kind: fresh.kind)].series[labels] = fresh
            state.seriesCount += fresh.count
            return fresh
        }
    }

    private func remove(_ handler: AnyObject) {
        state.withLock { state in
            for (name, family) in state.families {
                guard let (labels, series) = family.series.first(where: { $0.value.handler === handler }) else {
                    continue
                }
                state.families[name]?.series[labels] = nil
                if state.families[name]?.series.isEmpty == true { state.families[name] = nil }
                state.seriesCount -= series.count
                return
            }
        }
    }

    /// `label` with everything replaced that Prometheus does not take in a name.
    static func name(_ label: String) -> String {
        var name = ""
        for scalar in label.unicodeScalars {
            let isLetter = scalar.isASCII && scalar.properties.isAlphabetic || scalar == "_"
            let isDigit = ("0"..."9").contains(scalar)
            if isDigit, name.isEmpty { name = "_" }
            name.unicodeScalars.append(isLetter || isDigit ? scalar : "_")
        }
        return name.isEmpty ? "_" : name
    }

    private static func suffixed(_ name: String, _ suffix: String) -> String {
        name.hasSuffix(suffix) ? name : name + suffix
    }
}
