// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON

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
    private var version: UInt64?

    /// Makes the plan of `lane`.
    ///
    /// - Parameters:
    ///   - transport: Where it is shared.
    ///   - partition: Which partition it is of.
    ///   - lane: What blocks are named by: the plan of another lane is none.
    ///   - file: A copy for when the broker has lost its own.
    package init(transport: any EventTransport, partition: Int, lane: String, file: LoadPlanFile) {
        self.transport = transport
        self.partition = partition
        self.lane = lane
        self.file = file
    }

    package func read() async throws(EventLogError) -> [LoadPiece] {
        let note: TransportNote
        do throws(TransportError) {
            note = try await transport.note(of: partition)
        } catch {
            throw EventLogError(.storage, "The plan of partition \(partition) cannot be read", cause: error)
        }
        version = note.version
        guard let value = try? JSONValue(parsing: note.text), value["lane"]?.stringValue == lane,
            let pieces = value["pieces"].flatMap(LoadPlanFile.pieces)
        else { return file.read() }
        return pieces
    }

    package func write(_ pieces: [LoadPiece]) async throws(EventLogError) {
        guard let old = version else { throw overtaken(nil) }
        let value: JSONValue = ["lane": .string(lane), "pieces": LoadPlanFile.value(pieces)]
        do throws(TransportError) {
            version = try await transport.setNote(value.text, of: partition, replacing: old)
        } catch {
            // It may be written all the same: then it is read as what it is.
            version = nil
            throw overtaken(error)
        }
        try file.write(pieces)
    }

    private func overtaken(_ cause: TransportError?) -> EventLogError {
        EventLogError(.overtaken, "Another loader may have changed the plan of partition \(partition)", cause: cause)
    }
}
