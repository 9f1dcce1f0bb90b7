// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateControlPlane
import FloodgateIngest
import FloodgateServer
import FloodgateSnapshots

/// Why a command did not do what was asked: one line for people and an exit code for programs.
struct CommandFailure: Error, CustomStringConvertible {
    /// The exit codes, those of sysexits.h where they fit.
    enum Code: Int32 {
        /// Something was found to be wrong, or there is nothing with that name.
        case failure = 1
        /// The command line or a setting is wrong.
        case usage = 64
        /// A file given as input is broken.
        case badInput = 65
        /// A file given as input is not there.
        case noInput = 66
        /// The address is taken, or something needed does not answer.
        case unavailable = 69
        /// A fault in Floodgate.
        case software = 70
        /// The data folder or a file cannot be made or written.
        case cannotCreate = 73
        /// A disk or pipe failed, or stored data is damaged.
        case inputOutput = 74
        /// Something was not done in time, and may be done later.
        case late = 75
    }

    var code: Code
    var description: String

    init(_ code: Code, _ message: String) {
        self.code = code
        description = message
    }

    /// What `error` means for the person at the command line; nil for what ArgumentParser reports itself.
    init?(of error: any Error) {
        switch error {
        case let error as CommandFailure: self = error
        case let error as ControlError: self.init(Self.code(of: error), error.description)
        case let error as EventLogError:
            self.init(error.code == .locked ? .unavailable : .inputOutput, error.description)
        case let error as StartFailure: self.init(Self.code(of: error), error.description)
        case let error as SnapshotError: self.init(.failure, error.message)
        case let error as ServerLink.Failure: self.init(.unavailable, error.description)
        default: return nil
        }
    }

    private static func code(of error: ControlError) -> Code {
        switch error.code {
        case .notFound: .failure
        case .conflict: .unavailable
        case .invalid: .badInput
        case .storage, .corrupt, .newerFormat: .inputOutput
        case .cancelled: .failure
        }
    }

    private static func code(of error: StartFailure) -> Code {
        switch error.code {
        case .addressTaken, .addressUnusable, .dataFolderInUse: .unavailable
        case .dataFolder: .cannotCreate
        case .dataDamaged: .inputOutput
        case .other: .software
        }
    }
}
