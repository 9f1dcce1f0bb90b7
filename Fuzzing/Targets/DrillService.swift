// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import HTTPTypes
import NIOCore

/// Answers in every way that there is, by the first letters of the path.
final class DrillService: FrontService {
    private static let fast = ReadyAnswer(200, fields: [.init("etag", "\"1\"")], body: ByteBuffer(string: "fast\n"))
    private static let large = ReadyAnswer(200, fields: [], body: ByteBuffer(repeating: 0x61, count: 70_000))
    private static let unchanged = ReadyAnswer(304, fields: [])

    func receive(_ head: RequestHead, from peer: Peer, on loop: LoopState) -> FrontVerdict {
        // As the server's own decisions do, look at what can be looked at.
        _ = (head.query, head.all("x-forwarded-for"), head.first("authorization"), head.acceptEncoding)
        switch head.path.dropFirst().first {
        case UInt8(ascii: "f"): return .fast(FastAnswer(Self.fast, isForKnown: true), route: 0)
        case UInt8(ascii: "l"): return .fast(FastAnswer(Self.large), route: 0)
        case UInt8(ascii: "u"): return .fast(FastAnswer(Self.unchanged), route: 0)
        case UInt8(ascii: "r"): return .refuse(Refusal(503, "overloaded", "Too much to do"), route: 1)
        default: break
        }
        let lateness = Refusal(503, "late", "Too late")
        return .serve(RequestTerms(route: 1, bodyLimit: 256, timeout: .seconds(10), lateness: lateness))
    }

    func answer(_ request: InboundRequest) async -> OutboundAnswer {
        let path = request.head.path ?? ""
        switch path.utf8.dropFirst().first {
        case UInt8(ascii: "n"): await Self.waitForCancellation()
        case UInt8(ascii: "p"):
            return OutboundAnswer(
                HTTPResponse(status: .ok),
                .parts(length: nil) { writer in
                    for part in ["one ", "", "two"] { try await writer.write(ByteBuffer(string: part)) }
                }
            )
        default: break
        }
        let sum = request.body.readableBytesView.reduce(0) { ($0 &* 31 &+ Int($1)) & 0xFFFF }
        let text = "\(request.head.method) \(path) \(request.body.readableBytes) \(sum)\n"
        return OutboundAnswer(HTTPResponse(status: .ok), .bytes(ByteBuffer(string: text)))
    }

    private static func waitForCancellation() async {
        let (stream, continuation) = AsyncStream.makeStream(of: Never.self)
        for await _ in stream {}
        continuation.finish()
    }

    func problem(_ refusal: Refusal, requestID: String) -> (contentType: String, bytes: [UInt8]) {
        ("application/problem+json", Array("{\"code\":\"\(refusal.code)\"}".utf8))
    }

    func didRefuse(_ refusal: Refusal, route: Int?, on loop: LoopState) {}
}
