// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateGzip
import FloodgateJSON
import FloodgateServer
import FloodgateSnapshots
import FoundationEssentials
import Synchronization
import Testing

/// What an edge finds on its disk after a kill at any moment, and after damage to any file.
@Suite("Archive of an edge") struct EdgeArchiveTests {
    private let root = SigningKey()
    private let key = SigningKey()
    private let home = FileManager.default.temporaryDirectory.appending(path: "floodgate-\(UUID().uuidString)").path()

    /// A signed generation, and what `keep` wants to know of it.
    private struct Made {
        var generation: EdgeArchive.Generation
        var state: CellState
        var mark: EdgeArchive.Mark
    }

    private func make(_ sequence: Int64, lists: [String] = []) throws -> Made {
        let payload = Array(#"{"number":\#(sequence)}"#.utf8)
        let position = SnapshotPosition(epoch: 1, sequence: sequence)
        let set = KeySet(version: 1, keys: [KeySet.Key(id: key.id, publicKey: key.publicKey, notBefore: 0)]).bytes
        let keySet = SignedText(bytes: set, signature: try root.sign(set, context: KeySet.context))
        let manifest = SnapshotManifest(
            project: "shop",
            environment: "production",
            position: position,
            issuedAt: 1,
            payload: payload,
            previousHash: nil,
            keyID: key.id
        ).bytes
        let seal = SnapshotSeal(
            manifest: manifest,
            signature: try key.sign(manifest, context: SnapshotManifest.context),
            keySet: set,
            keySetSignature: keySet.signature
        )
        let state = CellState(
            project: "shop",
            environment: "production",
            position: position,
            seal: seal,
            payloadHash: SnapshotHash(of: payload),
            keys: [],
            lists: []
        )
        var object = state.json
        object["key_id"] = .string(key.id)
        object["issued_at"] = 1
        let bytes = JSONValue.object(object).bytes
        let text = SignedText(bytes: bytes, signature: try key.sign(bytes, context: SignedText.Kind.cell.context))
        return Made(
            generation: EdgeArchive.Generation(
                cell: SignedCell(text: text, keySet: keySet),
                document: payload,
                compressed: try Gzip.compress(payload),
                lists: []
            ),
            state: state,
            mark: EdgeArchive.Mark(
                project: "shop",
                environment: "production",
                cell: position,
                document: SnapshotVerifier.Mark(position: position, hash: SnapshotHash(of: payload)),
                keySetVersion: 1,
                rootKeys: [root.publicKey]
            )
        )
    }

    private func archive(_ folder: String, willDo: (@Sendable (String) -> Void)? = nil) -> EdgeArchive {
        var data = DataFolder(path: folder)
        data.willDo = willDo
        return EdgeArchive(in: data, key: "e")
    }

    /// The sequence of the generation that a start would use; nil if there is none.
    private func loaded(_ folder: String) -> Int64? {
        archive(folder).load { (try? $0.cell.state(rootKeys: [root.publicKey])) != nil }
            .flatMap { try? $0.cell.state(rootKeys: [root.publicKey]).state.position.sequence }
    }

    @Test func `is good after a kill before any step of keeping a generation`() throws {
        defer { try? FileManager.default.removeItem(atPath: home) }
        let folder = home + "/edge"
        let steps = Mutex<[String]>([])
        let archive = archive(folder) { step in
            let number = steps.withLock { steps in
                steps.append(step)
                return steps.count
            }
            // What a kill would leave behind here.
            try? FileManager.default.copyItem(atPath: folder, toPath: "\(home)/killed-\(number)")
        }
        for sequence in 1...3 as ClosedRange<Int64> {
            let before = steps.withLock { $0.count }
            let made = try make(sequence)
            try archive.keep(made.generation, state: made.state, mark: made.mark)
            let after = steps.withLock { $0.count }
            #expect(after - before >= 9, "three files are written, each in several steps")
            for number in before + 1...after {
                let found = loaded("\(home)/killed-\(number)")
                let step = steps.withLock { $0[number - 1] }
                if sequence == 1 {
                    #expect(found == nil || found == 1, "before \(step)")
                } else {
                    #expect(found == sequence - 1 || found == sequence, "before \(step)")
                }
            }
            #expect(loaded(folder) == sequence)
        }
        #expect(Set(steps.withLock { $0 }.map { $0.prefix { $0 != " " } }).isSuperset(of: ["write", "sync", "rename"]))
    }

    /// What a disk or a hand makes of a file.
    enum Damage: CaseIterable {
        case zeroed, emptied, halved, flipped, removed
    }

    @Test(arguments: Damage.allCases) func `has a good generation when any one file is damaged`(damage: Damage) throws {
        defer { try? FileManager.default.removeItem(atPath: home) }
        let good = home + "/good"
        for sequence in 1...2 as ClosedRange<Int64> {
            let made = try make(sequence)
            try archive(good).keep(made.generation, state: made.state, mark: made.mark)
        }
        let names = try FileManager.default.contentsOfDirectory(atPath: good + "/snapshots/e")
        #expect(names.count == 5, "two states, two documents and a mark: \(names)")
        for name in names {
            let folder = "\(home)/\(name)"
            try FileManager.default.copyItem(atPath: good, toPath: folder)
            let file = URL(filePath: "\(folder)/snapshots/e/\(name)")
            var bytes = [UInt8](try Data(contentsOf: file))
            switch damage {
            case .zeroed: bytes = bytes.map { _ in 0 }
            case .emptied: bytes = []
            case .halved: bytes.removeLast(bytes.count / 2)
            case .flipped: bytes[bytes.count / 2] ^= 1
            case .removed: try FileManager.default.removeItem(at: file)
            }
            if damage != .removed { try Data(bytes).write(to: file) }
            let found = loaded(folder)
            #expect(found == 1 || found == 2, "\(name) was damaged")
            // What comes next is kept as ever, whatever lies there.
            let made = try make(3)
            let steps = Atomic<Int>(0)
            try archive(folder) { _ in
                let number = steps.add(1, ordering: .relaxed).newValue
                try? FileManager.default.copyItem(atPath: folder, toPath: "\(folder)-\(number)")
            }
            .keep(made.generation, state: made.state, mark: made.mark)
            for number in 1...steps.load(ordering: .relaxed) {
                #expect(
                    loaded("\(folder)-\(number)") != nil,
                    "\(name) was damaged, and a kill came before step \(number)"
                )
            }
            #expect(loaded(folder) == 3)
            let left = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/snapshots/e")
            #expect(left.count { $0.contains(".corrupt-") } <= 3)
        }
    }
}
