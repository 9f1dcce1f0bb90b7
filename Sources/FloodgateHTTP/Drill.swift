// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import HTTPTypes
package import NIOCore

/// The front door without sockets and threads: what some bytes do to it, step by step.
package struct Drill {
    private let state: LoopState
    private let entrance: Entrance

    /// A door in front of `service`, all of which happens on `loop` and `executor`, when these are told to go on.
    package init(
        _ service: any FrontService,
        limits: HTTPLimits = HTTPLimits(),
        on loop: any EventLoop,
        executor: any TaskExecutor
    ) {
        state = LoopState(index: 0, loop: loop, limits: limits, executor: executor)
        entrance = Entrance(
            listener: FrontDoor.Listener(host: "", port: 0),
            state: state,
            service: service,
            limiter: ConnectionLimiter(limits: limits),
            handshakes: TokenBuckets(capacity: 0)
        )
    }

    /// Takes a connection on.
    package func admit(_ channel: any Channel) throws { try entrance.admit(channel) }

    /// How many connections there are.
    package var connections: Int { state.connections.count }

    /// Looks at the deadlines as if `time` had passed.
    package func check(after time: Duration) {
        state.connections.forEach { $0.check(at: state.now &+ time.nanoseconds) }
    }

    /// Stops, as a server does.
    package func drain() { state.drainAll() }

    // MARK: Readers

    /// What is made of a request that comes in `pieces`: all that matters of it, the refusal, or that it has no end.
    package func request(in pieces: [ArraySlice<UInt8>]) -> String {
        var input = ByteBuffer()
        var searched = 0
        var head: String?
        var body = ByteBuffer()
        var chunked: ChunkedBody?
        do throws(Refusal) {
            for piece in pieces {
                input.writeBytes(piece)
                if head == nil {
                    let found = try read(input, &searched)
                    guard let found else { continue }
                    input.moveReaderIndex(forwardBy: found.length)
                    head = found.text
                    switch found.framing {
                    case .none: return found.text
                    case .length(let length): return "\(found.text) and \(length)"
                    case .chunked: chunked = ChunkedBody(limits: state.limits)
                    }
                }
                try chunked?.read(&input, into: &body, limit: 256)
                if chunked?.isComplete == true { break }
            }
        } catch { return "\(error.status) \(error.detail)" }
        guard let head, chunked?.isComplete == true else { return "no end" }
        return "\(head) and \(Array(body.readableBytesView))"
    }

    private func read(
        _ input: ByteBuffer,
        _ searched: inout Int
    ) throws(Refusal) -> (length: Int, text: String, framing: RequestHead.Framing)? {
        let result = input.withUnsafeReadableBytes { bytes in
            Result<(Int, String, RequestHead.Framing)?, Refusal> { () throws(Refusal) in
                guard let length = try state.scanner.end(of: bytes, searched: &searched) else { return nil }
                let head = try state.scanner.read(UnsafeRawBufferPointer(rebasing: bytes[0..<length]))
                let request = head.request(scheme: "http")
                let fields = request.headerFields.map { "\($0.name.rawName)=\($0.value)" }
                return (length, "\(request.method) \(request.path ?? "") \(fields) \(head.keepsAlive)", head.framing)
            }
        }
        return try result.get()
    }

    /// What is made of a PROXY header that comes in `pieces`, and how many bytes lie behind it.
    package static func proxyHeader(in pieces: [ArraySlice<UInt8>]) -> String {
        var input = ByteBuffer()
        var pieces = pieces[...]
        while let piece = pieces.popFirst() {
            input.writeBytes(piece)
            switch ProxyHeader.read(&input) {
            case .incomplete: continue
            case .malformed: return "malformed"
            case .address(let address):
                let behind = pieces.reduce(input.readableBytes) { $0 + $1.count }
                return "\(address.map { "\($0)" } ?? "no address"), \(behind) bytes behind"
            }
        }
        return "incomplete"
    }
}
