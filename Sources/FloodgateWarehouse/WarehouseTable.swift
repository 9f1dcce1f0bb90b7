// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

/// The tables of a warehouse; each row is one event.
///
/// Rows arrive with exactly the table's columns, as `RowForm` says. Nothing is null: what is not known is empty, or 0, but for
/// `value` of an event, which may be null.
package enum WarehouseTable: String, Sendable, CaseIterable {
    /// That a unit was served a result of a gate, dynamic config, experiment or layer.
    case exposures
    /// Whatever else applications report.
    case events
    /// Events that cannot be loaded, as they came, with the reason.
    case deadLetters = "dead_letters"

    /// What a column holds.
    package enum Kind: Sendable, Hashable {
        /// 128 bits, written as a UUID.
        case id
        /// Text.
        case text
        /// Text of which there are few different ones.
        case word
        /// A whole number of 64 bits.
        case integer
        /// Milliseconds since 1970.
        case time
        /// A double, or null.
        case optionalNumber
        /// 0 or 1.
        case flag
    }

    /// A column of a table.
    package struct Column: Sendable, Hashable {
        package var name: String
        package var kind: Kind

        init(_ name: String, _ kind: Kind) {
            self.name = name
            self.kind = kind
        }
    }

    /// The columns, in order.
    package var columns: [Column] {
        switch self {
        case .exposures: Self.shared + Self.ofExposures
        case .events: Self.shared + Self.ofEvents
        case .deadLetters: Self.ofDeadLetters
        }
    }

    /// What the rows of a day are sorted by, so that analysis reads few pages.
    package var order: [String] {
        switch self {
        case .exposures, .events: ["environment", "name", "user_id", "time", "id"]
        case .deadLetters: ["environment", "reason", "received_at", "id"]
        }
    }

    private static let shared = [
        // Made of what the event says, or given by its SDK: equal for an event that was sent twice.
        Column("id", .id),
        Column("environment", .word),
        // Of the gate, config, experiment or layer; of the event.
        Column("name", .word),
        Column("user_id", .text),
        // All custom IDs as a JSON object, empty for none: `{"companyID":"c1"}`.
        Column("custom_ids", .text),
        // When it happened, by the client's clock put right: what analysis goes by.
        Column("time", .time),
        // When it happened, by the client's clock.
        Column("client_time", .time),
        // When the request came in, by the server's clock.
        Column("received_at", .time),
        // Whether the client's clock was so wrong that `time` is when the request came in.
        Column("is_clamped", .flag),
        // The place in the log: the batch and the event's number in it. Orders events of the same time.
        Column("position", .integer),
        Column("number", .integer),
        Column("session_id", .text),
        Column("sdk_type", .word),
        Column("sdk_version", .word),
        // The kind of SDK key: server or client.
        Column("key_kind", .word),
        // The rest of the user as a JSON object, empty for nothing.
        Column("user", .text),
    ]

    private static let ofExposures = [
        // gate, config or layer.
        Column("kind", .word),
        Column("rule_id", .word),
        // Of a gate: true, false or empty.
        Column("value", .word),
        // Of a layer: the parameter that was read, and the experiment that it comes from.
        Column("parameter", .word),
        Column("experiment", .word),
        Column("reason", .word),
        // Of the spec; 0 if the SDK does not say.
        Column("version", .integer),
        // The spec that answered in place of the one that was asked for.
        Column("override_name", .word),
        Column("is_manual", .flag),
        // One in so many was logged; 1 for all. Analysis weighs the row by it.
        Column("sampling_rate", .integer),
        // Gates that were asked on the way, as a JSON list, empty for none.
        Column("secondary", .text),
    ]

    private static let ofEvents = [
        // A number, or a text that reads as one.
        Column("value", .optionalNumber),
        // The value as text, whatever it is; empty for none.
        Column("value_text", .text),
        // As a JSON object, empty for none.
        Column("metadata", .text),
        Column("statsig_metadata", .text),
    ]

    private static let ofDeadLetters = [
        Column("id", .id),
        Column("environment", .word),
        Column("received_at", .time),
        Column("node", .word),
        Column("position", .integer),
        Column("number", .integer),
        Column("key_kind", .word),
        Column("reason", .word),
        // The event as JSON.
        Column("event", .text),
    ]
}
