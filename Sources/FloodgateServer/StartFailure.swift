// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateIngest
import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// Why a server did not start, in one line that says what to do.
package struct StartFailure: Error, CustomStringConvertible {
    /// What kind of failure it is; exit codes hang on it.
    package enum Code: String, Sendable, CaseIterable {
        /// Another program listens there.
        case addressTaken
        /// The address is not this machine's, or may not be used by this user.
        case addressUnusable
        /// The data folder cannot be made or written.
        case dataFolder
        /// Another server works on the data folder.
        case dataFolderInUse
        /// Stored data is damaged or of a newer format; it was left as it is.
        case dataDamaged
        /// Something else.
        case other
    }

    /// What kind of failure it is.
    package var code: Code
    /// What was found and what to do.
    package var description: String

    package init(_ code: Code, _ message: String) {
        self.code = code
        description = message
    }

    init(_ error: ControlError) {
        switch error.code {
        case .corrupt, .newerFormat: self.init(.dataDamaged, error.description)
        case .storage: self.init(.dataFolder, error.description)
        default: self.init(.other, error.description)
        }
    }

    init(_ error: EventLogError) {
        switch error.code {
        case .locked: self.init(.dataFolderInUse, error.message)
        case .corrupt, .unsupportedVersion: self.init(.dataDamaged, error.description)
        case .full, .storage: self.init(.dataFolder, error.description)
        case .overloaded, .closed, .unreplicated, .overtaken: self.init(.other, error.description)
        }
    }

    /// What `error`, thrown while listening at `address`, means.
    init(listening address: ListenAddress, _ error: any Error) {
        switch (error as? IOError)?.errnoCode {
        case EADDRINUSE:
            self.init(
                .addressTaken,
                "Something listens at \(address) already; stop it, or choose another port with --listen HOST:PORT"
            )
        case EACCES, EPERM:
            self.init(
                .addressUnusable,
                "This user may not listen at \(address); choose a port above 1023 with --listen"
            )
        case EADDRNOTAVAIL, EAFNOSUPPORT:
            self.init(
                .addressUnusable,
                "\(address) is not an address of this machine; choose one with --listen HOST:PORT"
            )
        default:
            self.init(.addressUnusable, "The server cannot listen at \(address): \(error)")
        }
    }
}
