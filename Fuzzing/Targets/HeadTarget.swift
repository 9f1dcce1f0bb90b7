// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import NIOEmbedded

/// A request is the same request however its bytes come in.
enum HeadTarget {
    static func fault(in bytes: [UInt8]) -> String? {
        let drill = Drill(DrillService(), limits: WireSeeds.limits, on: EmbeddedEventLoop(), executor: StepExecutor())
        let whole = drill.request(in: [bytes[...]])
        let pieces = drill.request(in: bytes.pieces)
        guard pieces == whole else { return "in pieces \(pieces), whole \(whole)" }
        let single = drill.request(in: bytes.indices.map { bytes[$0...$0] })
        return single == whole ? nil : "byte by byte \(single), whole \(whole)"
    }
}

/// A PROXY header is the same however its bytes come in.
enum ProxyTarget {
    static func fault(in bytes: [UInt8]) -> String? {
        let whole = Drill.proxyHeader(in: [bytes[...]])
        let single = Drill.proxyHeader(in: bytes.indices.map { bytes[$0...$0] })
        // More than the longest header and nothing found is refused by whoever reads.
        if whole == "incomplete", bytes.count > 536 { return "no end in sight" }
        return single == whole ? nil : "byte by byte \(single), whole \(whole)"
    }
}
