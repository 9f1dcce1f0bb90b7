// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FloodgateSnapshots
import FoundationEssentials
import Synchronization

/// Which batches of each edge were kept here, so that one whose answer was lost is not kept twice.
///
/// An edge sends its batches in order, so the highest number says all. It is written down after the batch is kept and
/// before the edge is told: only a batch between whose two writes the process is killed comes twice, and its events have
/// the same ids then.
package final class EdgeBatches: Sendable {
    /// What to do with a batch.
    package enum Turn: Sendable, Hashable {
        /// It is new: keep it, and call `end`.
        case new
        /// It was kept before.
        case kept
        /// It is being kept just now.
        case underWay
    }

    private struct Sender: Sendable {
        var last: Int64
        var underWay: Set<Int64> = []
        var use: Int
    }

    /// How many edges are remembered.
    private static let limit = 4_096

    private let folder: DataFolder?
    private let state = Mutex<(senders: [String: Sender], uses: Int)>(([:], 0))

    /// A record in `folder`; without one it is forgotten with the process.
    package init(folder: String?) {
        self.folder = folder.map { DataFolder(path: $0) }
        prune()
    }

    /// Removes the files of the senders that have been silent for longest, if there are too many.
    private func prune() {
        guard let folder, let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path),
            names.count > Self.limit
        else { return }
        let files = names.map { name -> (name: String, time: Date) in
            let attributes = try? FileManager.default.attributesOfItem(atPath: "\(folder.path)/\(name)")
            return (name, attributes?[.modificationDate] as? Date ?? .distantPast)
        }
        for file in files.sorted(by: { $0.time < $1.time }).prefix(names.count - Self.limit) {
            try? FileManager.default.removeItem(atPath: "\(folder.path)/\(file.name)")
        }
    }

    /// Asks whether the batch with `id` of `edge` is to be kept.
    package func begin(_ id: Int64, of edge: String, in environment: String) -> Turn {
        let name = Self.name(edge, environment)
        // Read outside the lock; whoever was faster has written the same.
        let written = state.withLock { $0.senders[name] == nil } ? last(name) : 0
        return state.withLock { state in
            state.uses += 1
            var sender = state.senders[name] ?? Sender(last: written, use: 0)
            sender.use = state.uses
            defer { state.senders[name] = sender }
            if id <= sender.last { return .kept }
            return sender.underWay.insert(id).inserted ? .new : .underWay
        }
    }

    /// Says what became of a batch that was new.
    package func end(_ id: Int64, of edge: String, in environment: String, isKept: Bool) {
        let name = Self.name(edge, environment)
        let (last, forgotten) = state.withLock { state -> (Int64?, [String]) in
            guard var sender = state.senders[name] else { return (nil, []) }
            sender.underWay.remove(id)
            if isKept { sender.last = max(sender.last, id) }
            state.senders[name] = sender
            var forgotten: [String] = []
            while state.senders.count > Self.limit,
                let oldest = state.senders.filter(\.value.underWay.isEmpty).min(by: { $0.value.use < $1.value.use })
            {
                state.senders[oldest.key] = nil
                forgotten.append(oldest.key)
            }
            return (isKept ? sender.last : nil, forgotten)
        }
        guard let folder else { return }
        for name in forgotten { try? FileManager.default.removeItem(atPath: "\(folder.path)/\(name)") }
        guard let last else { return }
        let content = JSONValue.object(["last": .integer(last)]).bytes
        if (try? folder.save(content, as: "\(folder.path)/\(name)")) == nil {
            try? FileManager.default.createDirectory(atPath: folder.path, withIntermediateDirectories: true)
            try? folder.save(content, as: "\(folder.path)/\(name)")
        }
    }

    private func last(_ name: String) -> Int64 {
        let content = folder.flatMap { try? Data(contentsOf: URL(filePath: "\($0.path)/\(name)")) }
        return content.flatMap { try? JSONValue(parsing: [UInt8]($0)) }?["last"]?.integerValue ?? 0
    }

    private static func name(_ edge: String, _ environment: String) -> String {
        String(SnapshotHash(of: Array("\(environment)\n\(edge)".utf8)).text.prefix(32))
    }
}
