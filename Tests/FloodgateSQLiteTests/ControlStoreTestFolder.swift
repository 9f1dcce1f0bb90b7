// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateSQLite
import Foundation

/// A folder of a test's own with a control store in it, gone when the test is.
final class ControlStoreTestFolder: Sendable {
    static let change = Change(actor: "tester", reason: "because")

    let path: String

    init() throws {
        path = FileManager.default.temporaryDirectory.path + "/floodgate-control-" + UUID().uuidString
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var file: String { "\(path)/\(SQLiteControlStore.fileName)" }

    var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }

    var bytes: [UInt8] {
        get { FileManager.default.contents(atPath: file).map { Array($0) } ?? [] }
        set { _ = FileManager.default.createFile(atPath: file, contents: Data(newValue)) }
    }

    func mode(_ name: String) throws -> Int? {
        try FileManager.default.attributesOfItem(atPath: "\(path)/\(name)")[.posixPermissions] as? Int
    }

    /// The use cases on the folder's store, as a process of its own would open it.
    func control() throws -> ControlPlane { ControlPlane(store: try SQLiteControlStore(path: file), now: { 1_000 }) }

    /// A copy of what a crash at this moment leaves; the `-shm` file is memory.
    func crashed() throws -> ControlStoreTestFolder {
        let copy = try ControlStoreTestFolder()
        for name in names where !name.hasSuffix("-shm") {
            try FileManager.default.copyItem(atPath: "\(path)/\(name)", toPath: "\(copy.path)/\(name)")
        }
        return copy
    }

    /// A folder whose store holds the demo project and is closed.
    static func demo() async throws -> ControlStoreTestFolder {
        let folder = try ControlStoreTestFolder()
        let store = try SQLiteControlStore(path: folder.file)
        let control = ControlPlane(store: store, now: { 1_000 })
        try await control.prepare(by: change)
        try await control.loadDemo(by: change)
        try store.close()
        return folder
    }
}

/// SplitMix64: damage that repeats.
struct SeededDamage: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var bits = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        bits = (bits ^ (bits >> 27)) &* 0x94D0_49BB_1331_11EB
        return bits ^ (bits >> 31)
    }
}
