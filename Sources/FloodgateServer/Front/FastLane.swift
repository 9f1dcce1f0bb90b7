// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import FloodgateHTTP
import FloodgateSpecs
import NIOCore

/// What one event loop answers without leaving it: configuration and ID lists by server key, and health.
///
/// Keys and answers are this loop's own copies, taken anew when their versions change, so that loops share nothing
/// that is written to.
final class FastLane {
    private let ring: KeyRing
    private let board: ConfigAnswersBoard
    private let lists: IDListBoard
    private let probes: Probes
    private var keysVersion = -1
    private var answersVersion = -1
    private var keys: [KeyDigest: SDKKey] = [:]
    private var answers: [String: ConfigAnswers] = [:]
    private var filesVersion = -1
    private var files: [String: IDListAnswers] = [:]
    private let numbers: Numbers
    private var seen = SeenInstances()
    /// What the last answer tells of who asked, and of which environment; nil for nothing new.
    private var sighting: (FleetSighting, environment: String)?
    /// Which answers the log is told of.
    var sampler = AccessSampler()
    /// Who sent the request that is being refused.
    var refusedOrigin: RefusedOrigin?

    /// Where the routes of this lane stand in the table.
    private struct Numbers {
        /// By path.
        let probes: [String: Int]
        let idListFile: Int
        /// By shape, and then without and with a key in the path.
        let specs: [Int]

        init(_ table: RouteTable) {
            probes = Dictionary(uniqueKeysWithValues: Probes.paths.map { ($0, table.number(of: $0)) })
            idListFile = table.number(of: "/v1/download_id_list_file/{fileID}")
            specs = ["/v1", "/v2"].flatMap { version in
                ["", "/{key}"].map { table.number(of: "\(version)/download_config_specs\($0)") }
            }
        }
    }

    init(ring: KeyRing, board: ConfigAnswersBoard, lists: IDListBoard, probes: Probes, table: RouteTable) {
        self.ring = ring
        self.board = board
        self.lists = lists
        self.probes = probes
        numbers = Numbers(table)
    }

    /// The key that `text` reads, if it is a good one.
    func key(_ text: UnsafeRawBufferPointer) -> SDKKey? {
        let version = ring.version
        if version != keysVersion {
            keys = ring.active
            keysVersion = version
        }
        return keys[KeyDigest(text)]
    }

    /// The answer to a request whose answer is ready, and its route; nil for all others, be they good or bad.
    func answer(
        _ head: RequestHead,
        path: UnsafeRawBufferPointer,
        at now: UInt64
    ) -> (answer: FastAnswer, route: Int)? {
        guard head.method == .get || head.method == .head, head.framing == .none else { return nil }
        return probe(path) ?? config(head, path, now) ?? idListFile(head, path)
    }

    private func probe(_ path: UnsafeRawBufferPointer) -> (answer: FastAnswer, route: Int)? {
        guard path.starts(with: "/livez".utf8) || path.starts(with: "/readyz".utf8) else { return nil }
        let path = String(decoding: path, as: UTF8.self)
        guard let answer = probes.answer(at: path), let number = numbers.probes[path] else { return nil }
        return (answer, number)
    }

    /// What the last answer tells of who asked, once.
    func takeSighting() -> (FleetSighting, environment: String)? {
        defer { sighting = nil }
        return sighting
    }

    /// Notes who asks by `key`, and what they hold and get.
    private func see(_ head: RequestHead, _ key: SDKKey, _ choice: ConfigAnswers.Choice, _ now: UInt64) {
        guard let session = head.first("statsig-server-session-id"), 1...128 ~= session.count, head.method == .get,
            seen.isNews(session, of: key.digest.number, holding: choice.held, offered: choice.offered, at: now)
        else { return }
        func text(_ field: UnsafeRawBufferPointer?) -> String {
            field.map { String(decoding: $0, as: UTF8.self) } ?? ""
        }
        var sighting = FleetSighting(
            id: text(session),
            name: text(head.first("floodgate-instance")),
            sdk: text(head.first("statsig-sdk-type")),
            sdkVersion: text(head.first("statsig-sdk-version")),
            time: choice.held
        )
        sighting.offered = choice.offered
        self.sighting = (sighting, key.environment)
    }

    static func plain(_ status: Int, _ text: String) -> ReadyAnswer {
        ReadyAnswer(
            status,
            fields: [.init("content-type", "text/plain; charset=utf-8"), .init("cache-control", "no-store")],
            body: ByteBuffer(string: text)
        )
    }

    /// `/v1/download_config_specs/{key}.json` and its like.
    private func config(
        _ head: RequestHead,
        _ path: UnsafeRawBufferPointer,
        _ now: UInt64
    ) -> (answer: FastAnswer, route: Int)? {
        let folder = "/v1/download_config_specs".utf8.count
        guard path.count >= folder, path[0] == UInt8(ascii: "/"), path[1] == UInt8(ascii: "v"),
            path[2] == UInt8(ascii: "1") || path[2] == UInt8(ascii: "2"),
            path[3..<folder].elementsEqual("/download_config_specs".utf8), head.first("origin") == nil
        else { return nil }
        var text = head.statsigKey ?? UnsafeRawBufferPointer(rebasing: path[folder...].dropFirst())
        if path.count > folder {
            guard path[folder] == UInt8(ascii: "/"), !path[(folder + 1)...].contains(UInt8(ascii: "/")) else {
                return nil
            }
        }
        if head.statsigKey == nil {
            guard !text.contains(UInt8(ascii: "%")) else { return nil }
            if text.count > 5, text.suffix(5).elementsEqual(".json".utf8) {
                text = UnsafeRawBufferPointer(rebasing: text.dropLast(5))
            } else if text.count > 3, text.suffix(3).elementsEqual(".js".utf8) {
                text = UnsafeRawBufferPointer(rebasing: text.dropLast(3))
            }
        }
        guard !text.isEmpty, let key = key(text), key.kind == .server else { return nil }
        let version = board.version
        if version != answersVersion {
            answers = board.all
            answersVersion = version
        }
        let isFirst = path[2] == UInt8(ascii: "1")
        let choice = answers[key.environment]?.answer(
            isFirst ? .v1 : .v2,
            query: head.query,
            acceptsGzip: Self.acceptsGzip(head.acceptEncoding),
            wantsSeal: head.first("floodgate-snapshot") != nil,
            ifNoneMatch: head.ifNoneMatch
        )
        let number = numbers.specs[(isFirst ? 0 : 2) + (path.count > folder ? 1 : 0)]
        guard let choice else { return nil }
        see(head, key, choice, now)
        return (FastAnswer(choice.answer, isForKnown: true), number)
    }

    /// `/v1/download_id_list_file/{fileID}`, whole or a part.
    private func idListFile(_ head: RequestHead, _ path: UnsafeRawBufferPointer) -> (answer: FastAnswer, route: Int)? {
        let folder = "/v1/download_id_list_file/".utf8
        guard path.count > folder.count, path.starts(with: folder), let text = head.statsigKey,
            let key = key(text), key.kind == .server
        else { return nil }
        let version = lists.version
        if version != filesVersion {
            let old = files
            files = lists.files.reduce(into: [:]) { files, entry in
                let known = old[entry.key].flatMap { $0.file.isSame(as: entry.value) ? $0 : nil }
                files[entry.key] = known ?? IDListAnswers(entry.value)
            }
            filesVersion = version
        }
        let name = String(decoding: path.dropFirst(folder.count), as: UTF8.self)
        guard let file = files[name] else { return nil }
        func decoded(_ bytes: UnsafeRawBufferPointer?) -> String? { bytes.map { String(decoding: $0, as: UTF8.self) } }
        let part = GrowingFilePart(
            fileSize: file.file.size,
            range: decoded(head.range),
            announced: decoded(head.first("statsig-id-list-file-size")),
            isConditional: head.first("if-range") != nil,
            isGet: head.method == .get
        )
        guard let answer = file.answer(part) else { return nil }
        return (FastAnswer(answer, isForKnown: true), numbers.idListFile)
    }

    private static func acceptsGzip(_ header: UnsafeRawBufferPointer?) -> Bool {
        guard let header else { return false }
        // What nearly all clients send; weights take more thought.
        if !header.contains(UInt8(ascii: ";")), header.starts(with: "gzip".utf8),
            header.count == 4 || header[4] == UInt8(ascii: ",") || header[4] == UInt8(ascii: " ")
        {
            return true
        }
        return AcceptEncoding.allowsGzip(String(decoding: header, as: UTF8.self))
    }
}
