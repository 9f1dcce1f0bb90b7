// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

extension Overload.Outcome {
    /// The table.
    var text: String {
        let goodput = Double(overload.good) / seconds
        let rows: [(String, String)] = [
            ("peak, good answers a second, before and after", Self.number(peak) + ", " + Self.number(peakAgain)),
            ("CPU of one good answer", Self.number(goodCost) + " µs"),
            ("offered a second", Self.number(offered)),
            ("sent a second", Self.number(Double(overload.sent) / seconds)),
            ("**goodput ÷ mean of the peaks**", Self.decimal(goodput / ((peak + peakAgain) / 2))),
            (
                "the same for each second of the server's CPU",
                Self.decimal(goodput / (overloadCPU / seconds) * goodCost / 1e6)
            ),
            ("goodput, good answers within 1 s, a second", Self.number(goodput)),
            ("good answers later than that, a second", Self.number(Double(overload.late) / seconds)),
            ("refused with `Retry-After`, a second", Self.number(Double(overload.shed) / seconds)),
            ("other errors", String(overload.errors)),
            ("p50, p99 of good answers", Self.pair(overload.latency(50), overload.latency(99))),
            ("CPU of the server", Self.decimal(overloadCPU / seconds) + " cores"),
            ("**CPU of a 503 ÷ that of a good answer**", Self.decimal(shedCost / goodCost)),
            ("memory of the server", "\(residentMebibytes) MiB"),
            ("**recovered after**", recovery.map { Self.decimal($0) + " s" } ?? "never"),
            ("p99 at half the peak, before and after", Self.pair(quietP99, calmP99)),
            ("refused, late or broken at the end", String(calmLost)),
            ("configuration and health, refused or lost", "\(overloadGood.failures) of \(overloadGood.answers)"),
            ("their p50, p99 at half the peak", Self.pair(quietGood)),
            ("their p50, p99 meanwhile", Self.pair(overloadGood)),
        ]
        return "\n| `POST /v1/\(route.rawValue)` | |\n|---|---|\n"
            + rows.map { "| \($0.0) | \($0.1) |\n" }.joined()
    }

    private static func pair(_ outcome: GoodClient.Outcome) -> String {
        pair(Tally.latency(outcome.latencies, 50), Tally.latency(outcome.latencies, 99))
    }

    private static func pair(_ first: Double, _ second: Double) -> String {
        "\(decimal(first)) ms, \(decimal(second)) ms"
    }

    private static func number(_ value: Double) -> String { value.isFinite ? String(Int(value.rounded())) : "–" }

    private static func decimal(_ value: Double) -> String {
        guard value.isFinite else { return "–" }
        let hundredths = Int((value * 100).rounded())
        let digits = String(abs(hundredths) % 100)
        return "\(hundredths < 0 ? "-" : "")\(abs(hundredths) / 100).\(digits.count < 2 ? "0" + digits : digits)"
    }
}
