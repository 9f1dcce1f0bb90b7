// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateControlPlane
import FloodgateDelivery
import FloodgateJSON
import FloodgateSnapshots
import FloodgateSpecs
import Logging
import ServiceLifecycle
import Synchronization

/// Carries what the control plane publishes to where requests read it: snapshots, ID lists and keys.
///
/// Looks for changes several times a second, since another process may make them, and at once when it is told of one.
/// A failed look leaves everything as it was.
package final class Publisher: Service {
    private let control: ControlPlane
    private let signer: SnapshotSigner
    private let plane: DataPlane
    private let lists = IDListReading()
    private let hints = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    /// What was last shown in full: the project's changes, and the keys that sign.
    private let seen = Mutex<Seen?>(nil)

    private struct Seen: Sendable, Hashable {
        var count: Int64
        var keySet: [UInt8]
    }

    init(control: ControlPlane, signer: SnapshotSigner, plane: DataPlane) {
        self.control = control
        self.signer = signer
        self.plane = plane
    }

    /// The root key that vouches for what is published.
    package var rootKey: [UInt8] { signer.rootKey }

    /// Says that something was changed here just now.
    package func hint() { hints.continuation.yield() }

    /// Publishes what is new, until the group shuts down.
    package func run() async {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { for await _ in self.hints.stream { await self.look() } }
                group.addTask {
                    while (try? await Task.sleep(for: self.plane.settings.refreshInterval)) != nil { self.hint() }
                }
            }
        }
    }

    private func look() async {
        do {
            try await refresh()
        } catch {
            guard error.code != .cancelled else { return }
            plane.metrics.refreshFailed()
            plane.logger.warning("Looking for changes failed", metadata: ["error": .string("\(error)")])
        }
    }

    /// Publishes what is new, if anything is.
    /// - Throws: `ControlError` if the store cannot be read, or a document cannot be published.
    package func refresh() async throws(ControlError) {
        let boards = plane.boards
        boards.ring.dropExpired(at: plane.now())
        signer.reread()
        let now = Seen(count: try await control.changeCount(), keySet: signer.keySet.bytes)
        guard seen.withLock({ $0 }) != now else {
            for environment in boards.snapshots.times.keys { plane.freshness.confirm(environment, at: plane.now()) }
            return
        }
        let keys = try await control.keys()
        boards.ring.replace(with: keys, at: plane.now())
        plane.purger.didChangeKeys()
        // Whatever comes of the rest, those whose keys are gone hear of it.
        defer { plane.bell.ring() }
        do { try signer.saw(count: now.count) } catch {
            throw ControlError(.storage, "What was signed cannot be written down", cause: error)
        }
        var failure: ControlError?
        var files: [IDListFile]?
        do throws(ControlError) {
            let read = try await lists.files(of: control, epoch: signer.epoch)
            boards.post(read, at: plane.now())
            files = read
        } catch {
            // Documents, and with them kill switches, do not wait for a list that cannot be read; edges do, which get both.
            failure = error
        }
        for environment in try await control.environments() {
            do throws(ControlError) {
                let snapshot = try await newest(of: environment, signedBy: now.keySet)
                if let files { post(snapshot, keys, files, now.count) }
                plane.freshness.confirm(environment, at: plane.now())
            } catch {
                // The others, and whoever lost a key, must hear of it all the same.
                failure = failure ?? error
                if let files, let held = boards.snapshots.snapshot(of: environment) {
                    post(held, keys, files, now.count)
                }
            }
        }
        if let failure { throw failure }
        seen.withLock { $0 = now }
    }

    /// The newest document of `environment`, which is shown if it was not yet.
    private func newest(
        of environment: String,
        signedBy keySet: [UInt8]
    ) async throws(ControlError) -> PreparedSnapshot {
        var published = try await control.currentDocument(environment: environment)
        published.document.time = signer.time(
            of: environment,
            sequence: published.sequence,
            published.document.time
        )
        if let held = plane.boards.snapshots.snapshot(of: environment), held.time == published.document.time,
            held.seal?.keySet == keySet
        {
            return held
        }
        let snapshot = try prepare(published)
        show(snapshot, sequence: published.sequence)
        return snapshot
    }

    private func prepare(_ published: PublishedDocument) throws(ControlError) -> PreparedSnapshot {
        let payload = PreparedSnapshot.payload(of: published.document)
        let document = published.document
        let entities = document.gates.count + document.dynamicConfigs.count + document.layers.count
        guard payload.count <= SnapshotLimits.publishedPayloadBytes, entities <= SnapshotLimits.publishedEntities else {
            throw ControlError(
                .storage,
                "The document of '\(published.environment)' has \(payload.count) bytes and \(entities) entities; at most "
                    + "\(SnapshotLimits.publishedPayloadBytes) and \(SnapshotLimits.publishedEntities) are published"
            )
        }
        do {
            let signed = try signer.sign(
                payload,
                environment: published.environment,
                sequence: published.sequence,
                issuedAt: Int64(clamping: document.time)
            )
            return try PreparedSnapshot(signed, environment: published.environment, receivedAt: plane.now())
        } catch {
            throw ControlError(.storage, "The snapshot of '\(published.environment)' cannot be prepared", cause: error)
        }
    }

    private func show(_ snapshot: PreparedSnapshot, sequence: Int64) {
        plane.freshness.confirm(snapshot.environment, at: plane.now())
        let old = plane.boards.snapshots.snapshot(of: snapshot.environment)
        guard plane.boards.post(snapshot, age: 0) else { return }
        plane.purger.didShow(snapshot, after: old)
        plane.metrics.published(environment: snapshot.environment, time: snapshot.time)
        plane.logger.info(
            "Snapshot published",
            metadata: [
                "floodgate.environment": .string(snapshot.environment),
                "floodgate.sequence": .stringConvertible(sequence),
                "floodgate.time": .stringConvertible(snapshot.time),
            ]
        )
    }

    /// Tells edges of the document, the keys and the ID lists.
    private func post(_ snapshot: PreparedSnapshot, _ keys: [SDKKey], _ files: [IDListFile], _ count: Int64) {
        guard let seal = snapshot.seal else { return }
        let position = SnapshotPosition(epoch: signer.epoch, sequence: count)
        if let cell = plane.boards.cells.cell(of: snapshot.environment), cell.position == position,
            cell.documents.first?.seal == seal
        {
            return
        }
        let now = plane.now()
        let state = CellState(
            project: signer.project,
            environment: snapshot.environment,
            position: position,
            seal: seal,
            payloadHash: snapshot.hash,
            keys: keys.filter { $0.environment == snapshot.environment && $0.isGood(at: now) }.map(CellState.Key.init),
            lists: files.map(CellState.List.init)
        )
        do throws(SnapshotError) {
            let text = try signer.sign(state.json, as: .cell)
            plane.boards.cells.post(SignedCell(text: text, keySet: signer.keySet), at: position, document: snapshot)
        } catch {
            plane.logger.error("The state for edges cannot be signed", metadata: ["error": .string("\(error)")])
        }
    }

    /// Says that the state of `environment` is the newest, unless that was said a moment ago (SNAP-9).
    func confirm(_ environment: String) {
        guard let cell = plane.boards.cells.cell(of: environment) else { return }
        let last = (cell.heartbeat.flatMap { try? JSONValue(parsing: $0.bytes) })?["issued_at"]?.integerValue ?? 0
        // Only what the store said a moment ago is vouched for.
        let age = plane.freshness.ages(at: plane.now())[environment] ?? .infinity
        guard plane.now() - last >= 5_000, age < 5 else { return }
        let text: JSONObject = [
            "project": .string(signer.project), "environment": .string(environment),
            "epoch": .integer(cell.position.epoch), "seq": .integer(cell.position.sequence),
        ]
        if let heartbeat = try? signer.sign(text, as: .heartbeat) {
            plane.boards.cells.confirm(environment, at: cell.position, by: heartbeat)
        }
    }
}

extension CellState.Key {
    fileprivate init(_ key: SDKKey) {
        self.init(
            digest: key.digest.bytes,
            lastFour: key.lastFour,
            kind: key.kind.rawValue,
            createdTime: key.createdTime,
            expiresTime: key.expiresTime
        )
    }
}

extension CellState.List {
    fileprivate init(_ file: IDListFile) {
        self.init(
            name: file.name,
            fileID: file.fileID,
            creationTime: file.creationTime,
            size: file.size,
            hash: file.hash
        )
    }
}
