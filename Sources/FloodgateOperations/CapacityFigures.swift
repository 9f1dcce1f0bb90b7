// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON

/// What was measured of one core, one byte, one stream; the benchmarks write it down.
package struct CapacityFigures: Sendable, Hashable {
    /// A figure, by its name in the file.
    package enum Name: String, Sendable, CaseIterable {
        /// Events that one core accepts and makes durable in a second, in batches of 1,000.
        case intakeEvents = "intake_events_per_core_second"
        /// Requests with a few events, on connections of their own, that one core accepts in a second.
        case intakeRequests = "intake_requests_per_core_second"
        /// Bytes of the log for an event.
        case logBytes = "log_bytes_per_event"
        /// Events that one core makes into rows and has the warehouse keep in a second.
        case loaderEvents = "loader_events_per_core_second"
        /// Events in one block of the warehouse.
        case blockEvents = "events_per_block"
        /// Bytes of the warehouse for an event, one copy.
        case warehouseBytes = "warehouse_bytes_per_event"
        /// Batches that one core of a broker takes, copies and hands out in a second.
        case transportMessages = "transport_messages_per_core_second"
        /// Polls without news that one core answers in a second.
        case polls = "unchanged_polls_per_core_second"
        /// Documents that one core sends in a second.
        case documents = "documents_per_core_second"
        /// Microseconds of one core to tell one stream of one change.
        case streamMicroseconds = "stream_event_core_microseconds"
        /// Bytes of memory for an open stream.
        case streamBytes = "stream_bytes"
    }

    /// Why a file cannot be used.
    package struct Mistake: Error, Hashable, Sendable, CustomStringConvertible {
        package var description: String
    }

    private let values: [Name: Double]
    /// When and on what they were measured.
    package let origin: String

    /// The figures that came with this version.
    package static func measured() throws(Mistake) -> CapacityFigures {
        try CapacityFigures(PackageResources.figures_json)
    }

    /// Reads a file of figures: an object with all names, numbers above 0, and `origin`, a text.
    /// - Throws: `Mistake` that names the figure that is missing or none.
    package init(_ bytes: [UInt8]) throws(Mistake) {
        guard let json = try? JSONValue(parsing: bytes) else { throw Mistake(description: "The figures are no JSON") }
        var values: [Name: Double] = [:]
        for name in Name.allCases {
            guard let value = json[name.rawValue]?.doubleValue, value > 0, value < 1e15 else {
                throw Mistake(description: "The figures have no number \(name.rawValue) above 0")
            }
            values[name] = value
        }
        self.values = values
        origin = json["origin"]?.stringValue ?? ""
    }

    /// The figure with a name.
    package subscript(name: Name) -> Double { values[name] ?? 1 }
}
