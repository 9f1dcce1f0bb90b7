// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

extension MetricsRegistry {
    /// What Prometheus reads: text exposition format 0.0.4, families and series in order.
    package var text: String {
        let (families, dropped) = current
        var text = ""
        for (name, family) in families.sorted(by: { $0.key < $1.key }) {
            text += "# TYPE \(name) \(family.kind.rawValue)\n"
            let series = family.series.map { (labels: $0.key.pairs.map(Self.labelText), series: $0.value) }
            for (labels, series) in series.sorted(by: { $0.labels.lexicographicallyPrecedes($1.labels) }) {
                switch series {
                case .counter(let series): text += Self.line(name, labels, "\(series.current)")
                case .fractionCounter(let series): text += Self.line(name, labels, Self.number(series.current))
                case .gauge(let series): text += Self.line(name, labels, Self.number(series.current))
                case .histogram(let series): text += Self.lines(name, labels, series)
                }
            }
        }
        text += "# TYPE metrics_dropped_series_total counter\n"
        text += Self.line("metrics_dropped_series_total", [], "\(dropped)")
        return text
    }

    private static func lines(_ name: String, _ labels: [String], _ series: HistogramSeries) -> String {
        let state = series.current
        var text = ""
        var count: UInt64 = 0
        for (bound, bucket) in zip(series.bounds.map(number) + ["+Inf"], state.counts) {
            count += bucket
            text += line(name + "_bucket", labels + ["le=\"\(bound)\""], "\(count)")
        }
        text += line(name + "_sum", labels, number(state.sum))
        text += line(name + "_count", labels, "\(count)")
        return text
    }

    private static func line(_ name: String, _ labels: [String], _ value: String) -> String {
        labels.isEmpty ? "\(name) \(value)\n" : "\(name){\(labels.joined(separator: ","))} \(value)\n"
    }

    private static func labelText(_ pair: Labels.Pair) -> String {
        var value = ""
        for scalar in pair.value.unicodeScalars {
            switch scalar {
            case "\\": value += "\\\\"
            case "\"": value += "\\\""
            case "\n": value += "\\n"
            default: value.unicodeScalars.append(scalar)
            }
        }
        return "\(pair.name)=\"\(value)\""
    }

    private static func number(_ value: Double) -> String {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if let integer = Int64(exactly: value) { return "\(integer)" }
        return "\(value)"
    }
}
