// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateNATS
internal import FloodgateIngest

/// One connection to the brokers, and what JetStream needs beside it.
///
/// The library reconnects by itself, for ever, to whichever broker is there.
// SAFETY: libnats locks its connections and contexts, so any thread may use both pointers at any time. They are set once,
// closed by any thread, and freed when nobody refers to the object.
final class NATSConnection: @unchecked Sendable {
    let connection: OpaquePointer
    let context: OpaquePointer
    let acknowledgements: NATSAcknowledgements

    /// Connects; blocks for as long as the library tries, at most some seconds for each broker.
    init(_ address: NATSAddress) throws(TransportError) {
        let deed = "Connecting to \(address.servers.joined(separator: ", "))"
        var made: OpaquePointer?
        try Self.check(natsOptions_Create(&made), deed)
        guard let options = made else { throw TransportError(NATS_NO_MEMORY, doing: deed) }
        defer { natsOptions_Destroy(options) }
        try Self.set(options, address, deed)

        var opened: OpaquePointer?
        try Self.check(natsConnection_Connect(&opened, options), deed)
        guard let connection = opened else { throw TransportError(NATS_NO_MEMORY, doing: deed) }
        let acknowledgements = NATSAcknowledgements()
        var settings = jsOptions()
        jsOptions_Init(&settings)
        settings.Wait = 5_000
        // Whoever publishes bounds what is in flight.
        settings.PublishAsync.MaxPending = 1 << 20
        settings.PublishAsync.AckHandler = NATSAcknowledgements.handler
        settings.PublishAsync.AckHandlerClosure = acknowledgements.closure
        var context: OpaquePointer?
        let status = natsConnection_JetStream(&context, connection, &settings)
        guard status == NATS_OK, let context else {
            natsConnection_Destroy(connection)
            throw TransportError(status, doing: deed)
        }
        self.connection = connection
        self.context = context
        self.acknowledgements = acknowledgements
    }

    deinit {
        natsConnection_Close(connection)
        jsCtx_Destroy(context)
        natsConnection_Destroy(connection)
    }

    var isConnected: Bool { natsConnection_Status(connection) == NATS_CONN_STATUS_CONNECTED }

    /// Whether it will never be connected again.
    var isClosed: Bool { natsConnection_IsClosed(connection) }

    /// Closes the connection; whoever waits for the brokers is told.
    func close() {
        natsConnection_Close(connection)
        acknowledgements.close()
    }

    static func check(_ status: natsStatus, _ deed: String) throws(TransportError) {
        guard status == NATS_OK else { throw TransportError(status, doing: deed) }
    }

    private static func set(
        _ options: OpaquePointer,
        _ address: NATSAddress,
        _ deed: String
    ) throws(TransportError) {
        let servers = address.servers.map { "nats://\($0)" }
        try check(
            withCStrings(servers) { pointers in
                var pointers = pointers
                return natsOptions_SetServers(options, &pointers, CInt(pointers.count))
            },
            deed
        )
        if let user = address.user { try check(natsOptions_SetUserInfo(options, user, address.password ?? ""), deed) }
        if let file = address.credentials {
            try check(natsOptions_SetUserCredentialsFromFiles(options, file, nil), "Reading 'creds'")
        }
        if address.isEncrypted { try check(natsOptions_SetSecure(options, true), deed) }
        if let file = address.trusted {
            try check(natsOptions_LoadCATrustedCertificates(options, file), "Reading 'ca'")
        }
        if let file = address.certificate, let key = address.key {
            try check(natsOptions_LoadCertificatesChain(options, file, key), "Reading 'cert' and 'key'")
        }
        try check(natsOptions_SetName(options, "floodgate"), deed)
        try check(natsOptions_SetTimeout(options, 2_000), deed)
        // A broker that went away without a word is noticed within ten seconds.
        try check(natsOptions_SetPingInterval(options, 5_000), deed)
        try check(natsOptions_SetMaxPingsOut(options, 1), deed)
        try check(natsOptions_SetMaxReconnect(options, -1), deed)
        try check(natsOptions_SetReconnectWait(options, 200), deed)
        try check(natsOptions_SetReconnectJitter(options, 200, 200), deed)
        try check(natsOptions_SetFailRequestsOnDisconnect(options, true), deed)
        // Messages are batches already; the library would wait a millisecond for more.
        try check(natsOptions_SetSendAsap(options, true), deed)
        // Calls tell what is wrong; the library would print it.
        try check(natsOptions_SetErrorHandler(options, { _, _, _, _ in }, nil), deed)
    }
}

/// Calls `body` with `texts` as C strings, which are valid until it returns.
func withCStrings<Value>(_ texts: [String], _ body: ([UnsafePointer<CChar>?]) -> Value) -> Value {
    func next(_ rest: ArraySlice<String>, _ pointers: [UnsafePointer<CChar>?]) -> Value {
        guard let first = rest.first else { return body(pointers) }
        return first.withCString { next(rest.dropFirst(), pointers + [$0]) }
    }
    return next(texts[...], [])
}
