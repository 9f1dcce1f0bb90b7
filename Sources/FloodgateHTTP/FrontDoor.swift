// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import Logging
package import NIOCore
package import NIOPosix
import ServiceLifecycle

#if canImport(Glibc)
    private import Glibc
#elseif canImport(Musl)
    private import Musl
#endif

/// Listens, and serves what comes: HTTP/1.1 and HTTP/2, in clear text or encrypted, with the same limits everywhere.
package struct FrontDoor: Service {
    /// An address to listen on, and how.
    package struct Listener: Sendable {
        /// The host name or address.
        package var host: String
        /// The port; 0 for any that is free.
        package var port: Int
        /// What to encrypt with; nil for clear text.
        package var tls: TLSIdentity?
        /// Whether each connection begins with a PROXY header; one without is closed.
        package var requiresProxyHeader = false
        /// Whether an address is a proxy's, whose connections stand for many clients and so are not limited by address.
        package var isProxy: @Sendable (SocketAddress) -> Bool = { _ in false }

        /// A listener for clear text.
        package init(host: String, port: Int) {
            self.host = host
            self.port = port
        }
    }

    private let listeners: [Listener]
    private let limits: HTTPLimits
    private let service: any FrontService
    private let group: MultiThreadedEventLoopGroup
    private let loops: Loops
    private let limiter: ConnectionLimiter
    private let handshakes = TokenBuckets(capacity: 1 << 16)
    private let drainTimeout: Duration
    private let logger: Logger
    private let onListening: @Sendable ([SocketAddress?]) async -> Void

    /// A door that opens when it is run.
    /// - Parameters:
    ///   - listeners: Where to listen.
    ///   - limits: What connections and requests may take.
    ///   - service: What stands behind.
    ///   - drainTimeout: How long requests in work may take when the server stops.
    ///   - group: The event loops.
    ///   - logger: Where connections' troubles are told.
    ///   - onListening: Called with the addresses when all listeners listen.
    package init(
        listeners: [Listener],
        limits: HTTPLimits = HTTPLimits(),
        service: any FrontService,
        drainTimeout: Duration = .seconds(25),
        group: MultiThreadedEventLoopGroup = .singleton,
        logger: Logger,
        onListening: @escaping @Sendable ([SocketAddress?]) async -> Void = { _ in }
    ) {
        self.listeners = listeners
        self.limits = limits
        self.service = service
        self.group = group
        self.drainTimeout = drainTimeout
        self.logger = logger
        self.onListening = onListening
        loops = Loops(group: group, limits: limits)
        limiter = ConnectionLimiter(limits: limits)
    }

    /// How many connections there are.
    package var connections: Int { limiter.total }

    /// What happened on all loops so far, and how late the latest of them is, in nanoseconds.
    package func counts() async -> (counts: [LoopCounts], lag: UInt64) { await loops.counts() }

    /// Listens and serves until it is shut down; requests in work are finished first.
    package func run() async throws {
        loops.start()
        defer { loops.stop() }
        var channels: [any Channel] = []
        do {
            var addresses: [SocketAddress?] = []
            for listener in listeners {
                let opened = try await open(listener)
                addresses.append(opened.first?.localAddress)
                channels += opened
            }
            await onListening(addresses)
            try? await gracefulShutdown()
        } catch {
            for channel in channels { try? await channel.close() }
            throw error
        }
        for channel in channels { try? await channel.close() }
        await drain()
    }

    private func drain() async {
        let end = ContinuousClock.now + drainTimeout
        loops.forEach { $0.drainAll() }
        while limiter.total > 0, ContinuousClock.now < end, !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(20))
        }
        loops.forEach { $0.closeAll() }
    }

    /// Listens at the listener's address.
    ///
    /// Where the kernel shares connections out, every loop listens for itself: a connection that another loop accepts
    /// wakes two threads several times before its first byte is read.
    private func open(_ listener: Listener) async throws -> [any Channel] {
        let eventLoops = group.makeIterator().map { $0 }
        #if os(Linux)
            let sharers = eventLoops.count
        #else
            let sharers = 1
        #endif
        guard sharers > 1 else { return [try await bind(listener, on: group, sharesPort: false)] }
        // Sockets that share a port would also share it with another server of this user, so it must be free first.
        var listener = listener
        let probe = try await bind(listener, on: group, sharesPort: false, accepts: false)
        if let port = probe.localAddress?.port { listener.port = port }
        try await probe.close()
        var channels: [any Channel] = []
        do {
            for loop in eventLoops { channels.append(try await bindAfterProbe(listener, on: loop)) }
        } catch {
            for channel in channels { try? await channel.close() }
            throw error
        }
        return channels
    }

    /// Binds to a port that was free just now.
    ///
    /// A program that this process is starting meanwhile, such as DuckDB's, has the probe's socket too until it runs.
    private func bindAfterProbe(_ listener: Listener, on loop: any EventLoop) async throws -> any Channel {
        for _ in 0..<100 {
            do {
                return try await bind(listener, on: loop, sharesPort: true)
            } catch let error as IOError where error.errnoCode == EADDRINUSE {
                try await Task.sleep(for: .milliseconds(10))
            }
        }
        return try await bind(listener, on: loop, sharesPort: true)
    }

    private func bind(
        _ listener: Listener,
        on group: any EventLoopGroup,
        sharesPort: Bool,
        accepts: Bool = true
    ) async throws -> any Channel {
        let (loops, service, limiter, handshakes) = (loops, service, limiter, handshakes)
        var bootstrap = ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 4_096)
            .serverChannelOption(.autoRead, value: accepts)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // Connections inherit it.
            .serverChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .serverChannelOption(.maxMessagesPerRead, value: 64)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    // Here, and not by the bootstrap, which takes a future for each option of each connection.
                    try channel.syncOptions?.setOption(.allowRemoteHalfClosure, value: true)
                    guard let state = loops.state(of: channel.eventLoop) else { throw ChannelError.eof }
                    state.counts.accepted &+= 1
                    let entrance = Entrance(
                        listener: listener,
                        state: state,
                        service: service,
                        limiter: limiter,
                        handshakes: handshakes
                    )
                    try entrance.admit(channel)
                }
            }
        #if os(Linux)
            if sharesPort {
                let option = ChannelOptions.Types.SocketOption(level: .socket, name: .init(rawValue: SO_REUSEPORT))
                bootstrap = bootstrap.serverChannelOption(option, value: 1)
            }
        #endif
        return try await bootstrap.bind(host: listener.host, port: listener.port).get()
    }
}
