// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateJSON
import FloodgateSnapshots
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// What edges follow, in the test's own process: publishes what it is told to, and may misbehave.
final class HostileUpstream: Sendable {
    /// What comes back for a request.
    enum Answer: Sendable {
        case reply(Int, headers: [(String, String)] = [], body: [UInt8])
        /// These bytes as they are, and then the connection's end, by a reset.
        case cut([UInt8])
        /// These bytes as they are, then the second again and again, as fast as they are taken.
        case endless([UInt8], [UInt8])
        /// These bytes as they are, then one of the second every 100 ms.
        case drip([UInt8], UInt8)
    }

    /// What is published.
    struct Publication: Sendable {
        var sequence: Int64
        /// The document's sequence, which is the state's unless told otherwise.
        var documentSequence: Int64?
        var gate: String
        /// Unix milliseconds.
        var time: Int64 = 1_750_000_000_000

        var payload: [UInt8] {
            let text = """
                {"has_updates":true,"time":\(time + (documentSequence ?? sequence)),"checksum":"\(gate)",\
                "response_format":"dcs-v2","feature_gates":{"\(gate)":{"type":"feature_gate","entity":"feature_gate",\
                "enabled":true,"salt":"s","idType":"userID","defaultValue":false,"rules":[]}},"dynamic_configs":{},\
                "layer_configs":{},"condition_map":{},"experiment_to_layer":{}}
                """
            return Array(text.utf8)
        }
    }

    static let edgeKey = "fge_" + String(repeating: "e", count: 40)
    static let serverKey = "secret-" + String(repeating: "s", count: 40)

    let port: Int
    let root = SigningKey()
    let key = SigningKey()

    private struct State {
        var publication = Publication(sequence: 1, gate: "first")
        var fault: (@Sendable (String) -> Answer?)?
        var paths: [String] = []
    }

    private let state = Mutex(State())
    private let channel: any Channel

    var url: String { "http://127.0.0.1:\(port)" }
    var rootKey: String { SnapshotBase64.encode(root.publicKey) }

    /// The paths that were asked for, without queries.
    var paths: [String] { state.withLock { $0.paths } }

    private init(_ channel: any Channel) {
        self.channel = channel
        port = channel.localAddress?.port ?? 0
    }

    /// Connections are closed with a reset.
    private static func reset() -> linger {
        var value = Foundation.linger()
        value.l_onoff = 1
        value.l_linger = 0
        return value
    }

    /// Runs `test` with an upstream, which is closed afterwards.
    static func run(_ test: (HostileUpstream) async throws -> Void) async throws {
        let box = Mutex<HostileUpstream?>(nil)
        let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelInitializer { channel in
                _ = (channel as? any SocketOptionProvider)?.setSoLinger(reset())
                return channel.eventLoop.makeCompletedFuture {
                    let decoder = ByteToMessageHandler(HTTPRequestDecoder(leftOverBytesStrategy: .dropBytes))
                    let handler = UpstreamHandler { path in box.withLock { $0 }?.answer(path) ?? .cut([]) }
                    try channel.pipeline.syncOperations.addHandlers(decoder, handler)
                }
            }
            .bind(host: "127.0.0.1", port: 0)
            .get()
        let upstream = HostileUpstream(channel)
        box.withLock { $0 = upstream }
        do { try await test(upstream) } catch {
            try? await channel.close()
            throw error
        }
        try? await channel.close()
    }

    /// Publishes something, as good servers do.
    func publish(_ publication: Publication) { state.withLock { $0.publication = publication } }

    /// From now on `fault` answers what it has an answer for; nil for nothing.
    func misbehave(_ fault: (@Sendable (String) -> Answer?)?) { state.withLock { $0.fault = fault } }

    private func answer(_ path: String) -> Answer {
        let (publication, fault) = state.withLock { state in
            state.paths.append(path)
            return (state.publication, state.fault)
        }
        if let answer = fault?(path) { return answer }
        do {
            switch path {
            case "/edge/v1/state":
                let cell = try cell(publication)
                let tag = "\"\(SnapshotHash(of: cell.bytes).text)\""
                return .reply(
                    200,
                    headers: [("etag", tag), ("floodgate-heartbeat", try heartbeat(publication).field)],
                    body: cell.bytes
                )
            case let path where path.hasPrefix("/edge/v1/objects/"): return .reply(200, body: publication.payload)
            default: return .reply(404, body: [])
            }
        } catch { return .cut([]) }
    }

    // MARK: Signing

    private var keySet: SignedText {
        get throws {
            let set = KeySet(
                version: 1,
                keys: [KeySet.Key(id: key.id, publicKey: key.publicKey, notBefore: 0)]
            ).bytes
            return SignedText(bytes: set, signature: try root.sign(set, context: KeySet.context))
        }
    }

    /// The state that says that there is `publication`.
    func cell(_ publication: Publication) throws -> SignedCell {
        let keySet = try keySet
        let manifest = SnapshotManifest(
            project: "shop",
            environment: "production",
            position: SnapshotPosition(epoch: 1, sequence: publication.documentSequence ?? publication.sequence),
            issuedAt: publication.time,
            payload: publication.payload,
            previousHash: nil,
            keyID: key.id
        ).bytes
        let state = CellState(
            project: "shop",
            environment: "production",
            position: SnapshotPosition(epoch: 1, sequence: publication.sequence),
            seal: SnapshotSeal(
                manifest: manifest,
                signature: try key.sign(manifest, context: SnapshotManifest.context),
                keySet: keySet.bytes,
                keySetSignature: keySet.signature
            ),
            payloadHash: SnapshotHash(of: publication.payload),
            keys: [
                CellState.Key(
                    digest: SnapshotHash(of: Array(Self.serverKey.utf8)).bytes,
                    lastFour: "ssss",
                    kind: "server",
                    createdTime: 0,
                    expiresTime: nil
                )
            ],
            lists: []
        )
        return SignedCell(text: try sign(state.json, as: .cell, at: publication.time), keySet: keySet)
    }

    private func heartbeat(_ publication: Publication) throws -> SignedText {
        let text: JSONObject = [
            "project": "shop", "environment": "production", "epoch": 1, "seq": .integer(publication.sequence),
        ]
        return try sign(text, as: .heartbeat, at: publication.time)
    }

    private func sign(_ object: JSONObject, as kind: SignedText.Kind, at time: Int64) throws -> SignedText {
        var object = object
        object["key_id"] = .string(key.id)
        object["issued_at"] = .integer(time)
        let bytes = JSONValue.object(object).bytes
        return SignedText(bytes: bytes, signature: try key.sign(bytes, context: kind.context))
    }
}

private final class UpstreamHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = ByteBuffer

    private let answer: @Sendable (String) -> HostileUpstream.Answer
    private var head: HTTPRequestHead?

    init(_ answer: @escaping @Sendable (String) -> HostileUpstream.Answer) { self.answer = answer }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): self.head = head
        case .body: break
        case .end:
            guard let head else { return }
            let path = String(head.uri.prefix { $0 != "?" })
            switch answer(path) {
            case .reply(let status, let headers, let body): reply(status, headers, body, to: head, context)
            case .cut(let bytes):
                let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: bytes)))
                    .whenComplete { _ in bound.value.close(promise: nil) }
            case .endless(let first, let more):
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: first)), promise: nil)
                goOn(ByteBuffer(bytes: more), context)
            case .drip(let first, let byte):
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(bytes: first)), promise: nil)
                drip(byte, context)
            }
        }
    }

    private func reply(
        _ status: Int,
        _ headers: [(String, String)],
        _ body: [UInt8],
        to request: HTTPRequestHead,
        _ context: ChannelHandlerContext
    ) {
        let tag = headers.first { $0.0 == "etag" }?.1
        let isHeld = tag != nil && request.headers.first(name: "if-none-match") == tag
        var text = "HTTP/1.1 \(isHeld ? 304 : status) Status\r\n"
        for (name, value) in headers { text += "\(name): \(value)\r\n" }
        text += isHeld ? "\r\n" : "content-length: \(body.count)\r\n\r\n"
        let bytes = ByteBuffer(bytes: Array(text.utf8) + (isHeld ? [] : body))
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        // A question without news is kept for a while.
        context.eventLoop.scheduleTask(in: .milliseconds(isHeld ? 50 : 0)) {
            let (handler, context) = bound.value
            context.writeAndFlush(handler.wrapOutboundOut(bytes), promise: nil)
        }
    }

    private func goOn(_ more: ByteBuffer, _ context: ChannelHandlerContext) {
        guard more.readableBytes > 0 else { return }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(more)).whenSuccess { bound.value.0.goOn(more, bound.value.1) }
    }

    private func drip(_ byte: UInt8, _ context: ChannelHandlerContext) {
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: .milliseconds(100)) {
            let (handler, context) = bound.value
            context.writeAndFlush(handler.wrapOutboundOut(ByteBuffer(bytes: [byte])))
                .whenSuccess { bound.value.0.drip(byte, bound.value.1) }
        }
    }
}
