// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import HTTPTypes
import Logging
import NIOCore
import ServiceLifecycle
import Synchronization

/// A front door that listens on a free port while `body` runs.
func withDoor(
    _ limits: HTTPLimits = HTTPLimits(),
    bodies: ByteBudget? = nil,
    drainTimeout: Duration = .seconds(5),
    turn: @escaping @Sendable (@escaping @Sendable (Turn) -> Void) -> Turn = { _ in .now },
    _ change: @Sendable (inout FrontDoor.Listener) -> Void = { _ in },
    _ body: @escaping @Sendable (Int, EchoService) async throws -> Void
) async throws {
    let service = EchoService(bodies: bodies, turn: turn)
    let (ports, port) = AsyncStream.makeStream(of: Int.self)
    var listener = FrontDoor.Listener(host: "127.0.0.1", port: 0)
    change(&listener)
    let door = FrontDoor(
        listeners: [listener],
        limits: limits,
        service: service,
        drainTimeout: drainTimeout,
        logger: Logger(label: "door") { _ in SwiftLogNoOpLogHandler() }
    ) { addresses in
        port.yield(addresses.first??.port ?? 0)
        port.finish()
    }
    let group = ServiceGroup(services: [door], logger: Logger(label: "door") { _ in SwiftLogNoOpLogHandler() })
    service.stop.withLock { $0 = { await group.triggerGracefulShutdown() } }
    service.closes.withLock { $0 = { await door.counts().counts.map(\.closes) } }
    try await withThrowingTaskGroup(of: Void.self) { tasks in
        tasks.addTask {
            // Also when it never listened.
            defer { port.finish() }
            try await group.run()
        }
        for await port in ports { try await body(port, service) }
        await group.triggerGracefulShutdown()
        try await tasks.waitForAll()
    }
}

/// Answers `/fast` at once and everything else with what was asked, after a while if the path says so.
final class EchoService: FrontService {
    let refusals = Mutex<[String]>([])
    let cancellations = Atomic<Int>(0)
    /// Stops the door that the service stands behind.
    let stop = Mutex<@Sendable () async -> Void>({})
    /// Connections that the door has closed, by reason, of each loop.
    let closes = Mutex<@Sendable () async -> [[String: Int]]>({ [] })
    /// How many requests were begun with on their loop.
    let begun = Atomic<Int>(0)
    /// How many requests came in whole.
    let served = Atomic<Int>(0)
    private let bodies: ByteBudget?
    private let ready = ReadyAnswer(
        200,
        fields: [.init("content-type", "text/plain")],
        body: ByteBuffer(string: "fast\n")
    )
    private let large = ReadyAnswer(200, fields: [], body: ByteBuffer(repeating: 0x61, count: 100_000))

    /// How many connections the door has closed because of `reason`.
    func closes(_ reason: String) async -> Int {
        let closes = closes.withLock { $0 }
        return await closes().reduce(0) { $0 + $1[reason, default: 0] }
    }

    /// What `/events` reads, on which terms, and places of those who read it.
    let feed = EventFeed()
    let stream = Mutex(StreamRules())
    let readers = Atomic<Int>(0)

    struct StreamRules {
        var held: Int?
        var takesSteps = false
        var heartbeat = Duration.seconds(25)
        var life = Duration.seconds(900)
        var drain = Duration.zero
        var isWelcome = true
        /// What is said first of all.
        var opening: String?
        /// Whether nobody gets an answer yet.
        var isHeld = false
    }

    /// The place of a reader, counted as long as somebody holds it.
    private final class Place: Sendable {
        let service: EchoService
        init(_ service: EchoService) {
            self.service = service
            service.readers.add(1, ordering: .relaxed)
        }
        deinit { service.readers.subtract(1, ordering: .relaxed) }
    }

    /// How many turns were given back unused.
    let left = Atomic<Int>(0)
    /// Whether requests get a turn.
    private let turn: @Sendable (@escaping @Sendable (Turn) -> Void) -> Turn

    init(
        bodies: ByteBudget? = nil,
        turn: @escaping @Sendable (@escaping @Sendable (Turn) -> Void) -> Turn = { _ in .now }
    ) {
        self.bodies = bodies
        self.turn = turn
    }

    func receive(_ head: RequestHead, from peer: Peer, on loop: LoopState) -> FrontVerdict {
        if ASCII.equals(head.path, "/fast") { return .fast(FastAnswer(ready, isForKnown: true), route: 0) }
        if ASCII.equals(head.path, "/large") { return .fast(FastAnswer(large), route: 0) }
        if ASCII.equals(head.path, "/overloaded") {
            var refusal = Refusal(503, "overloaded", "Too much to do")
            refusal.slowsDown = true
            return .refuse(refusal, route: 1)
        }
        if ASCII.equals(head.path, "/refused") {
            return .refuse(Refusal(503, "overloaded", "Too much to do", fields: [.init("retry-after", "1")]), route: 1)
        }
        return .serve(
            RequestTerms(
                route: 1,
                bodyLimit: 1 << 20,
                timeout: ASCII.equals(head.path, "/slow") || ASCII.equals(head.path, "/begun/late")
                    ? .milliseconds(700) : .seconds(60),
                lateness: Refusal(503, "late", "Too late"),
                bodies: bodies
            )
        )
    }

    func enter(_ terms: RequestTerms, then: @escaping @Sendable (Turn) -> Void) -> Turn { turn(then) }
    func leave(_ terms: RequestTerms) { left.add(1, ordering: .relaxed) }
    func refused(_ request: InboundRequest) -> OutboundAnswer {
        OutboundAnswer(HTTPResponse(status: .serviceUnavailable), .bytes(ByteBuffer(string: "no turn\n")))
    }

    func begin(
        _ request: InboundRequest,
        on loop: any EventLoop,
        then: @escaping @Sendable (OutboundAnswer) -> Void
    ) -> Bool {
        guard request.head.path?.hasPrefix("/begun") == true else { return false }
        begun.add(1, ordering: .relaxed)
        let later = TimeAmount.milliseconds(request.head.path == "/begun/late" ? 1_500 : 5)
        loop.scheduleTask(in: later) {
            then(OutboundAnswer(HTTPResponse(status: .accepted), .bytes(ByteBuffer(string: "begun\n"))))
        }
        return true
    }

    func answer(_ request: InboundRequest) async -> OutboundAnswer {
        served.add(1, ordering: .relaxed)
        let path = request.head.path ?? ""
        if path == "/slow" {
            do { try await Task.sleep(for: .seconds(600)) } catch { cancellations.add(1, ordering: .relaxed) }
        }
        if path == "/events" {
            while stream.withLock({ $0.isHeld }) { try? await Task.sleep(for: .milliseconds(5)) }
            let rules = stream.withLock { $0 }
            let terms = FeedTerms(
                feed: feed,
                held: rules.held,
                opening: rules.opening.map { ByteBuffer(string: $0) },
                takesSteps: rules.takesSteps,
                heartbeat: rules.heartbeat,
                life: rules.life,
                drain: rules.drain,
                mayStay: { [self] in stream.withLock { $0.isWelcome } },
                place: Place(self)
            )
            return OutboundAnswer(HTTPResponse(status: .ok), .events(terms))
        }
        if path == "/parts" {
            return OutboundAnswer(
                HTTPResponse(status: .ok),
                .parts(length: nil) { writer in
                    for part in ["one ", "two ", "three"] { try await writer.write(ByteBuffer(string: part)) }
                }
            )
        }
        if path == "/endless" {
            return OutboundAnswer(
                HTTPResponse(status: .ok),
                .parts(length: nil) { [self] writer in
                    do {
                        while true {
                            try await writer.write(ByteBuffer(repeating: 0x61, count: 1_000))
                            try await Task.sleep(for: .milliseconds(2))
                        }
                    } catch {
                        cancellations.add(1, ordering: .relaxed)
                        throw error
                    }
                }
            )
        }
        var head = HTTPResponse(status: .ok)
        head.headerFields[.contentType] = "text/plain"
        if path == "/injected", let name = HTTPField.Name("x-note") { head.headerFields[name] = "a\r\nset-cookie: b" }
        let peer = request.peer.address?.ipAddress ?? ""
        let fields = request.head.headerFields.map { "\($0.name)=\($0.value)" }.joined(separator: ";")
        return OutboundAnswer(
            head,
            .bytes(
                ByteBuffer(string: "\(request.head.method) \(path) \(request.body.readableBytes) \(peer) \(fields)\n")
            )
        )
    }

    func problem(_ refusal: Refusal, requestID: String) -> (contentType: String, bytes: [UInt8]) {
        ("application/problem+json", Array("{\"code\":\"\(refusal.code)\"}".utf8))
    }

    func didRefuse(_ refusal: Refusal, route: Int?, on loop: LoopState) {
        refusals.withLock { $0.append(refusal.code) }
    }
}
