// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON
package import Logging

/// The plan of a partition, which all who load it share through the broker.
///
/// Whoever plans a stretch replaces the plan that it has read. So each stretch is planned once: of two loaders at a time, as of
/// one that hangs and one that has taken its place, the later loads what the earlier has planned, under the same name, which
/// counts once; and the earlier finds out before it plans anything else.
package actor PartitionPlan: LoadPlan {
    private let transport: any EventTransport
    private let partition: Int
    private let lane: String
    private let file: LoadPlanFile
    private let logger: Logger
    private var version: UInt64 = 0
    /// Whether nobody knows if the last note was written.
    private var isInDoubt = false

    /// Makes the plan of `lane`.
    ///
    /// - Parameters:
    ///   - transport: Where it is shared.
    ///   - partition: Which partition it is of.
    ///   - lane: What blocks are named by: the plan of another lane is none.
    ///   - file: A copy for when the broker has lost its own.
    ///   - logger: Is told when there is no copy.
    package init(
        transport: any EventTransport,
        partition: Int,
        lane: String,
        file: LoadPlanFile,
        logger: Logger
    ) {
        self.transport = transport
        self.partition = partition
        self.lane = lane
        self.file = file
        self.logger = logger
    }

    package func read() async throws(EventLogError) -> [LoadPiece] {
        let note: TransportNote
        do throws(TransportError) {
            note = try await transport.note(of: partition)
        } catch {
            throw EventLogError(.storage, "The plan of partition \(partition) cannot be read", cause: error)
        }
        version = note.version
        isInDoubt = false
        guard let value = try? JSONValue(parsing: note.text), value["lane"]?.stringValue == lane,
            let pieces = value["pieces"].flatMap(LoadPlanFile.pieces)
        else { return file.read() }
        return pieces
    }

    package func write(_ pieces: [LoadPiece]) async throws(EventLogError) {
        let value: JSONValue = ["lane": .string(lane), "pieces": LoadPlanFile.value(pieces)]
        let text = value.text
        do throws(TransportError) {
            if let known = try await writtenVersion(of: text) {
                version = known
            } else {
                version = try await transport.setNote(text, of: partition, replacing: version)
            }
            isInDoubt = false
        } catch {
            // Without an answer it may be written all the same, which the next try finds out.
            isInDoubt = true
            guard error.code == .overtaken else {
                throw EventLogError(.storage, "The plan of partition \(partition) cannot be written", cause: error)
            }
            throw EventLogError(
                .overtaken,
                "Another loader has changed the plan of partition \(partition)",
                cause: error
            )
        }
        do throws(EventLogError) {
            try file.write(pieces)
        } catch {
            // The broker has it, and others may load by it already.
            logger.warning("A plan has no copy on this host", metadata: ["error": "\(error)"])
        }
    }

    /// The version of `text` if an earlier try has written it, or another loader the same plan; nil if it is to be written.
    private func writtenVersion(of text: String) async throws(TransportError) -> UInt64? {
        guard isInDoubt else { return nil }
        let note = try await transport.note(of: partition)
        return note.text == text ? note.version : nil
    }
}
