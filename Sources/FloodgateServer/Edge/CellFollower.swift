// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateDelivery
import FloodgateJSON
import FloodgateSnapshots
import FloodgateSpecs
import Logging
import Metrics
import NIOCore
import ServiceLifecycle
import Synchronization

/// Follows one environment of another server: takes what is signed and newer, keeps it on disk, and shows it.
///
/// Whatever goes wrong, the last good state stays in use. One request is under way at a time, whatever clients do.
final class CellFollower: Service {
    private struct Held: Sendable {
        var verifier: SnapshotVerifier
        var cell: SnapshotPosition?
        var tag = ""
        /// What is in use and not on the disk yet.
        var unkept: Unkept?
        var document: PreparedSnapshot?
        /// The keys that came with the state.
        var keys: KeySet?
        var lists: [String: IDListFile] = [:]
    }

    private struct Unkept: Sendable {
        var cell: SignedCell
        var state: CellState
        var keys: KeySet
        var document: PreparedSnapshot
        var files: [IDListFile]
    }

    private static let longestState = 32 << 20

    private let upstream: Upstream
    /// How many seconds the other side may keep a question that has no news.
    private let wait: Int
    private let archive: EdgeArchive
    private let download: IDListDownload
    private let plane: DataPlane
    private let held: Mutex<Held>
    private let isFirst = Atomic<Bool>(true)

    init(upstream: Upstream, wait: Int, archive: EdgeArchive, rootKeys: [[UInt8]], plane: DataPlane) {
        self.upstream = upstream
        self.wait = wait
        self.archive = archive
        download = IDListDownload { fileID, range in
            let (answer, _) = try await upstream.ask(
                "/v1/download_id_list_file/\(fileID)",
                headers: [("range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)")],
                limit: range.count,
                within: .seconds(120),
                statuses: [206]
            )
            return answer.body
        }
        self.plane = plane
        // A mark of another root would lock its project out for good.
        let mark = archive.mark.flatMap { mark in mark.rootKeys.contains { rootKeys.contains($0) } ? mark : nil }
        let verifier = SnapshotVerifier(
            rootKeys: rootKeys,
            project: mark?.project,
            environment: mark?.environment,
            held: mark?.document,
            keySetVersion: mark?.keySetVersion ?? 0
        )
        held = Mutex(Held(verifier: verifier, cell: mark?.cell))
    }

    // MARK: From the disk

    /// Shows what the disk holds, if it is good.
    /// - Returns: Whether there was something.
    func load() -> Bool {
        let generation = archive.load { generation in
            do {
                let (state, keys) = try check(generation.cell, isStored: true)
                let snapshot = SignedSnapshot(seal: state.seal, payload: generation.document)
                let document = try prepare(snapshot, compressed: generation.compressed, of: state)
                show(state, keys, document)
                show(generation.cell, state, document, generation.lists)
                return true
            } catch {
                refuse(error, "The state on disk is not used")
                return false
            }
        }
        return generation != nil
    }

    // MARK: From upstream

    func run() async {
        await cancelWhenGracefulShutdown { [self] in
            var failures = 0
            while !Task.isCancelled {
                do {
                    try await ask()
                    failures = 0
                } catch {
                    if Task.isCancelled { break }
                    note(error)
                    failures += 1
                }
                // After a failure a pause of random length, longer with each; else the other side keeps the question.
                let limit = min(10_000, 200 << min(failures, 6))
                let pause = failures == 0 ? 20 : Int.random(in: 50...limit)
                try? await Task.sleep(for: .milliseconds(pause))
            }
            await upstream.shutdown()
        }
    }

    private func ask() async throws {
        let tag = held.withLock { $0.tag }
        let (answer, address) = try await upstream.ask(
            "/edge/v1/state?wait=\(wait)",
            headers: tag.isEmpty ? [] : [("if-none-match", tag)],
            limit: Self.longestState,
            within: .seconds(wait + max(2, wait / 2)),
            statuses: [200, 304],
            isChecked: true
        )
        do {
            if answer.status == 200 {
                try await take(try SignedCell(answer.body), tag: answer.field("etag"))
            } else {
                try await keep()
            }
            if let field = answer.field("floodgate-heartbeat") { try confirm(field) }
            upstream.trust(address)
        } catch {
            upstream.distrust(address)
            throw error
        }
    }

    private func take(_ cell: SignedCell, tag: String?) async throws {
        let (state, keys) = try check(cell, isStored: false)
        let known = held.withLock { $0 }
        if known.cell == state.position, known.document?.hash == state.payloadHash, known.document?.seal == state.seal,
            known.keys?.version == keys.version, known.tag != ""
        {
            held.withLock { $0.tag = tag ?? "" }
            return
        }
        let document: PreparedSnapshot
        if let held = known.document, held.hash == state.payloadHash, held.seal == state.seal {
            document = held
        } else if let held = known.document, held.hash == state.payloadHash {
            // The same bytes under a new seal.
            document = try prepare(
                SignedSnapshot(seal: state.seal, payload: held.payload),
                compressed: held.ready(.v2, compressed: true),
                of: state
            )
        } else {
            let (answer, _) = try await upstream.ask(
                "/edge/v1/objects/\(state.payloadHash.text)",
                limit: SnapshotLimits.payloadBytes,
                within: .seconds(30)
            )
            document = try prepare(SignedSnapshot(seal: state.seal, payload: answer.body), of: state)
        }
        // A kill switch does not wait for lists that may be long.
        let hasNewLists = state.lists.contains { known.lists[$0.fileID]?.size != $0.size }
        if hasNewLists, known.document != nil { show(state, keys, document) }
        let files = try await download.files(of: state.lists, known: known.lists)
        show(state, keys, document)
        show(cell, state, document, files)
        held.withLock { held in
            held.tag = tag ?? ""
            held.unkept = Unkept(cell: cell, state: state, keys: keys, document: document, files: files)
        }
        try await keep()
    }

    // MARK: Decisions

    /// Checks who signed a state, whose it is, and that it is not older than what is held.
    private func check(_ cell: SignedCell, isStored: Bool) throws(SnapshotError) -> (CellState, KeySet) {
        let known = held.withLock { $0 }
        let (state, keys) = try cell.state(rootKeys: known.verifier.rootKeys)
        guard keys.version >= known.verifier.keySetVersion else {
            throw SnapshotError(.oldKeySet, "The state comes with keys of version \(keys.version)")
        }
        guard state.project == known.verifier.project ?? state.project,
            state.environment == known.verifier.environment ?? state.environment
        else { throw SnapshotError(.foreign, "The state is of \(state.environment) in \(state.project)") }
        // The disk may hold the generation before the highest, which is better than none.
        if !isStored, let position = known.cell, state.position < position {
            throw SnapshotError(.older, "The state is \(state.position) after \(position)")
        }
        return (state, keys)
    }

    private func prepare(
        _ snapshot: SignedSnapshot,
        compressed: [UInt8]? = nil,
        of state: CellState
    ) throws -> PreparedSnapshot {
        var verifier = held.withLock { $0.verifier }
        if verifier.held.map({ $0.hash != state.payloadHash }) ?? false, held.withLock({ $0.document == nil }) {
            // The generation before the highest one, from the disk: everything else about it is checked.
            verifier = SnapshotVerifier(
                rootKeys: verifier.rootKeys,
                project: verifier.project,
                environment: verifier.environment,
                keySetVersion: verifier.keySetVersion
            )
        }
        let manifest = try verifier.check(snapshot).manifest
        guard manifest.environment == state.environment, manifest.project == state.project else {
            throw SnapshotError(.foreign, "The document is of \(manifest.environment) in \(manifest.project)")
        }
        do {
            return try PreparedSnapshot(
                snapshot,
                compressed: compressed,
                environment: manifest.environment,
                receivedAt: plane.now()
            )
        } catch let error as SnapshotError {
            throw error
        } catch {
            throw SnapshotError(.document, "It does not read: \(error)")
        }
    }

    /// Shows the keys and the document of a state.
    private func show(_ state: CellState, _ keys: KeySet, _ document: PreparedSnapshot) {
        held.withLock { held in
            if let seal = document.seal {
                try? held.verifier.hold(SignedSnapshot(seal: seal, payload: document.payload))
            }
            held.document = document
            held.keys = keys
        }
        let boards = plane.boards
        boards.ring.replace(with: state.keys.compactMap { SDKKey($0, environment: state.environment) }, at: plane.now())
        plane.purger.didChangeKeys()
        let old = boards.snapshots.snapshot(of: document.environment)
        // What lay on a disk is as old as it is; only upstream can say that nothing has happened since.
        plane.freshness.confirm(document.environment, at: min(Int64(clamping: document.time), plane.now()))
        if boards.post(document, age: plane.freshness.seconds(of: document.environment, at: plane.now())) {
            plane.purger.didShow(document, after: old)
            plane.metrics.published(environment: document.environment, time: document.time)
            let delay = max(0, plane.now() - Int64(clamping: document.time))
            plane.logger.info(
                "Snapshot taken",
                metadata: [
                    "floodgate.environment": .string(document.environment),
                    "floodgate.position": .string("\(state.position)"),
                    "floodgate.delay_ms": .stringConvertible(delay),
                ]
            )
        }
        plane.bell.ring()
    }

    /// Shows the ID lists of a state whose document is shown already, and hands the whole on to edges that follow this one.
    private func show(
        _ cell: SignedCell,
        _ state: CellState,
        _ document: PreparedSnapshot,
        _ files: [IDListFile]
    ) {
        held.withLock { held in
            held.cell = max(held.cell ?? state.position, state.position)
            held.lists = Dictionary(files.map { ($0.fileID, $0) }) { first, _ in first }
        }
        plane.boards.post(files, at: plane.now())
        plane.boards.cells.post(cell, at: state.position, document: document)
        plane.bell.ring()
        plane.health.didStart()
    }

    /// Writes down what is in use; where that fails, the next answer of upstream is the time to try again.
    private func keep() async throws {
        let (unkept, verifier) = held.withLock { ($0.unkept, $0.verifier) }
        guard let unkept, let mark = verifier.held else { return }
        let body = try await unkept.document.body(acceptsGzip: true)
        guard body.isCompressed else { return }
        do throws(StartFailure) {
            try archive.keep(
                EdgeArchive.Generation(
                    cell: unkept.cell,
                    document: unkept.document.payload,
                    compressed: body.body,
                    lists: unkept.files
                ),
                state: unkept.state,
                mark: EdgeArchive.Mark(
                    project: unkept.state.project,
                    environment: unkept.state.environment,
                    cell: unkept.state.position,
                    document: mark,
                    keySetVersion: unkept.keys.version,
                    rootKeys: verifier.rootKeys
                )
            )
            held.withLock { $0.unkept = nil }
        } catch {
            // What is in memory is served all the same.
            plane.logger.error("The state was not kept on disk", metadata: ["error": .string("\(error)")])
        }
    }

    // MARK: Freshness

    private func confirm(_ field: String) throws(SnapshotError) {
        guard let text = SignedText(field: field) else { return }
        let (document, cell, keys) = held.withLock { ($0.document, $0.cell, $0.keys) }
        guard let document, let cell, let keys else { return }
        let heartbeat = try text.contents(as: .heartbeat, by: keys)
        guard heartbeat["environment"]?.stringValue == document.environment,
            heartbeat["epoch"]?.integerValue == cell.epoch, heartbeat["seq"]?.integerValue == cell.sequence,
            let time = heartbeat["issued_at"]?.integerValue
        else { return }
        plane.freshness.confirm(document.environment, at: min(time, plane.now()))
        plane.boards.cells.confirm(document.environment, at: cell, by: text)
    }

    private func note(_ error: any Error) {
        if let failure = error as? Upstream.Failure {
            let isNews = isFirst.exchange(false, ordering: .relaxed) || failure.code == "key"
            plane.logger.log(
                level: isNews ? .warning : .debug,
                "Upstream gave no state; the last one stays in use",
                metadata: ["error": .string("\(failure)")]
            )
            return
        }
        refuse(error, "What upstream gave is not used; the last state stays")
    }

    private func refuse(_ error: any Error, _ message: Logger.Message) {
        let reason = (error as? SnapshotError)?.reason ?? .document
        Counter(
            label: "snapshot_rejected",
            dimensions: [("reason", reason.rawValue)],
            factory: plane.metrics.registry
        ).increment()
        plane.logger.error(message, metadata: ["error": .string("\(error)"), "reason": .string(reason.rawValue)])
    }
}

extension SDKKey {
    /// The key of a state; nil for a kind that this version does not know.
    fileprivate init?(_ key: CellState.Key, environment: String) {
        guard let digest = KeyDigest(bytes: key.digest), let kind = KeyKind(rawValue: key.kind) else { return nil }
        self.init(
            digest: digest,
            lastFour: key.lastFour,
            kind: kind,
            environment: environment,
            createdTime: key.createdTime,
            expiresTime: key.expiresTime
        )
    }
}
