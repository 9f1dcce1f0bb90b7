// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import NIOSSL

/// A front door that speaks TLS, while `body` runs.
func withTLSDoor(
    _ limits: HTTPLimits = HTTPLimits(),
    _ body: @escaping @Sendable (Int, EchoService, TLSIdentity, TLSIdentity.Files) async throws -> Void
) async throws {
    try await TestCertificate.withFiles { files in
        let identity = try TLSIdentity(files)
        try await withDoor(limits, { $0.tls = identity }) { port, service in
            try await body(port, service, identity, files)
        }
    }
}

extension NIOSSLContext {
    /// What a client encrypts with that believes whatever it is shown.
    static func client(offering protocols: [String] = [], upTo version: TLSVersion? = nil) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.certificateVerification = .none
        configuration.applicationProtocols = protocols
        configuration.minimumTLSVersion = .tlsv1
        configuration.maximumTLSVersion = version
        return try NIOSSLContext(configuration: configuration)
    }
}
