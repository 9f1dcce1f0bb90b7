// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import FloodgateControlPlane
package import FloodgateDelivery
import Synchronization

/// The ID lists as they were read from the control plane, so that of each only what was appended is read again.
package final class IDListReading: Sendable {
    private struct Held: Sendable {
        var epoch: Int64 = 0
        var files: [String: IDListFile] = [:]
    }

    private static let pieceBytes = 4 << 20

    private let held = Mutex(Held())

    /// Makes one that has read nothing.
    package init() {}

    /// The lists as they are now.
    /// - Parameters:
    ///   - control: Where they are read.
    ///   - epoch: Another one means that a backup was restored, which may have other lines in the same files.
    /// - Returns: The files by name.
    /// - Throws: `ControlError` if they cannot be read.
    package func files(of control: ControlPlane, epoch: Int64) async throws(ControlError) -> [IDListFile] {
        var known = held.withLock { $0.epoch == epoch ? $0.files : [:] }
        var files: [IDListFile] = []
        for head in try await control.idLists() {
            // Others may hold the file too, but not the dictionary, which would make a copy of what grows.
            let file = try await file(head, from: known.removeValue(forKey: head.fileID), control)
            files.append(file)
        }
        let new = Held(epoch: epoch, files: Dictionary(files.map { ($0.fileID, $0) }) { first, _ in first })
        held.withLock { $0 = new }
        return files
    }

    private func file(
        _ head: IDListHead,
        from known: IDListFile?,
        _ control: ControlPlane
    ) async throws(ControlError) -> IDListFile {
        var file = IDListFile(name: head.name, fileID: head.fileID, creationTime: head.creationTime)
        if let known, known.size <= head.size, known.name == head.name, known.creationTime == head.creationTime {
            guard known.size < head.size else { return known }
            file = known
        }
        while file.size < head.size {
            let limit = min(Self.pieceBytes, head.size - file.size)
            guard let piece = try await control.idListContent(head.fileID, from: file.size, limit: limit) else {
                // Written anew since its head was read; the next look finds it so.
                throw ControlError(.conflict, "The ID list \"\(head.name)\" was changed while it was read")
            }
            file.append(piece)
        }
        file.settle()
        return file
    }
}
