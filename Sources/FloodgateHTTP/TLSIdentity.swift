// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore
import NIOSSL
import Synchronization

/// The certificate and key that a listener shows, read from files and read again when they change.
///
/// Connections that are open keep what they began with. Files that do not fit are refused, and what was there stays.
package final class TLSIdentity: Sendable {
    /// Where the chain and the key lie, in PEM.
    package struct Files: Sendable, Hashable {
        /// The certificates, the server's own first.
        package let certificateChain: String
        /// The key of the first.
        package let privateKey: String

        /// Paths.
        package init(certificateChain: String, privateKey: String) {
            self.certificateChain = certificateChain
            self.privateKey = privateKey
        }
    }

    private struct Identity {
        let context: NIOSSLContext
        let expiry: Int
    }

    private let files: Files
    private let current: Mutex<Identity>

    /// Reads the files.
    /// - Throws: If one is missing, no PEM, or the two do not belong together.
    package init(_ files: Files) throws {
        self.files = files
        current = Mutex(try Self.read(files))
    }

    var context: NIOSSLContext { current.withLock { $0.context } }

    /// When the server's certificate expires, in Unix seconds.
    package var expiry: Int { current.withLock { $0.expiry } }

    /// Reads the files again; new connections get what they say at `now`, in Unix seconds.
    /// - Throws: As `init`, and if the certificate has expired; what was there stays then.
    package func reload(at now: Int) throws {
        let new = try Self.read(files)
        guard new.expiry > now else { throw ExpiredCertificate(expiry: new.expiry) }
        current.withLock { $0 = new }
    }

    private static func read(_ files: Files) throws -> Identity {
        let chain = try NIOSSLCertificate.fromPEMFile(files.certificateChain)
        let key = try NIOSSLPrivateKey(file: files.privateKey, format: .pem)
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) },
            privateKey: .privateKey(key)
        )
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["h2", "http/1.1"]
        // Clients of TLS 1.2 could ask for handshake after handshake on one connection.
        configuration.renegotiationSupport = .none
        // How long to wait for the other side's farewell.
        configuration.shutdownTimeout = .seconds(2)
        let context = try NIOSSLContext(configuration: configuration)
        return Identity(context: context, expiry: chain.first.map { Int($0.notValidAfter) } ?? 0)
    }
}

/// A certificate that clients would refuse.
package struct ExpiredCertificate: Error, CustomStringConvertible {
    /// Since when, in Unix seconds.
    package let expiry: Int

    package var description: String { "The certificate expired on \(HTTPDate.text(unixSeconds: expiry))" }
}
