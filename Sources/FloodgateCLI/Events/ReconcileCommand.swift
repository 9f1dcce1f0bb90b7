// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateIngest
import FloodgateJSON
import FloodgateSQLite
import FloodgateServer
import FloodgateWarehouse

/// `floodgate events reconcile`.
struct EventsReconcileCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reconcile",
        abstract: "Compare what was accepted with what is in the warehouse.",
        discussion: """
            For every environment and minute that the log still has: accepted = loaded + duplicate + dead + in flight. Events \
            are compared by their number and by two sums over their ids. The server does the same twice a minute and shows \
            gaps as the metric ledger_gaps.

            With --json an object with the members isBalanced, total, minutes and gaps. Exit codes: 0 it balances, 1 there is a \
            gap, 69 the warehouse does not answer.
            """
    )

    @Flag(help: "Print JSON.") var json = false
    @OptionGroup var asked: AskedWarehouse

    func run() async throws {
        let report = try await asked.answer("/console/v1/events/ledger") { warehouse, folder in
            let node = NodeName.known(in: folder) ?? ""
            let entries = try await warehouse.ledger(since: 0, node: node)
            let segments = try await EventLogFolder.reader(folder)?.segments() ?? []
            let end = entries.compactMap { LoadPiece.end(of: $0.block, node: node) }.max() ?? .start
            return .object(LedgerReconciler(node: node, watermark: end).compare(segments, with: entries).json)
        }
        StandardStreams.output((json ? report.text : Self.text(report)) + "\n")
        if report["isBalanced"]?.boolValue != true { throw ExitCode(CommandFailure.Code.failure.rawValue) }
    }

    private static func text(_ report: JSONValue) -> String {
        func cells(_ line: JSONValue) -> [String] {
            ["accepted", "loaded", "duplicate", "dead", "inFlight"].map { String(line[$0]?.integerValue ?? 0) }
        }
        let minutes = report["minutes"]?.arrayValue ?? []
        let rows = minutes.suffix(60).map { line in
            [SystemClock.text(line["minute"]?.integerValue ?? 0), line["environment"]?.stringValue ?? ""] + cells(line)
                + [line["gap"]?.text ?? ""]
        }
        let total = report["total"].map { ["all", ""] + cells($0) + [""] } ?? []
        let table = TextTable(
            ["MINUTE", "ENVIRONMENT", "ACCEPTED", "LOADED", "DUPLICATE", "DEAD", "IN FLIGHT", "GAP"],
            rows + [total]
        )
        let gaps = report["gaps"]?.arrayValue?.count ?? 0
        let verdict = gaps == 0 ? "The ledger balances." : "The ledger does not balance: \(gaps) gaps."
        return [table.text, verdict].joined(separator: "\n")
    }
}
