// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateIngest
import Synchronization

/// Disks that do as they are told until they are to fail.
final class TroubledVolume: ExportVolume {
    struct State {
        var operations = 0
        /// The operation with this number does half of its work, and those behind it nothing: the process was killed.
        var lastOperation = Int.max
        /// How many more files cannot be added to since the disk is full.
        var fullAppends = 0
    }

    private let disk = DiskVolume()
    private let state = Mutex(State())

    func change(_ change: (inout State) -> Void) { state.withLock { change(&$0) } }
    var operations: Int { state.withLock { $0.operations } }

    private enum Fate { case done, half, killed, full }

    private func next(isAppend: Bool = false) -> Fate {
        state.withLock { state in
            state.operations += 1
            if state.operations == state.lastOperation { return .half }
            if state.operations > state.lastOperation { return .killed }
            guard isAppend, state.fullAppends > 0 else { return .done }
            state.fullAppends -= 1
            return .full
        }
    }

    private func allow() throws(EventLogError) {
        guard next() == .done else { throw EventLogError(.storage, "killed") }
    }

    func make(folder: String) throws(EventLogError) {
        try allow()
        try disk.make(folder: folder)
    }

    func append(_ bytes: [UInt8], to path: String) throws(EventLogError) {
        switch next(isAppend: true) {
        case .done: try disk.append(bytes, to: path)
        case .half:
            try disk.append(Array(bytes.prefix(bytes.count / 2)), to: path)
            throw EventLogError(.storage, "killed")
        case .killed: throw EventLogError(.storage, "killed")
        case .full:
            try disk.append(Array(bytes.prefix(10)), to: path)
            throw EventLogError(.full, "no space left")
        }
    }

    func sync(_ path: String) throws(EventLogError) {
        try allow()
        try disk.sync(path)
    }

    func move(_ path: String, to place: String) throws(EventLogError) {
        try allow()
        try disk.move(path, to: place)
    }

    func remove(_ path: String) throws(EventLogError) {
        try allow()
        try disk.remove(path)
    }

    func read(_ path: String) throws(EventLogError) -> [UInt8]? { try disk.read(path) }
}
