// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvents
import FloodgateIngest
import FloodgateJSON
import FloodgateSQLite
import Foundation
import Logging
import Synchronization

/// A folder of a test's own, gone when the test is.
final class EventLogTestFolder: Sendable {
    let path: String

    init() {
        path = FileManager.default.temporaryDirectory.path + "/floodgate-events-" + UUID().uuidString
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    var names: [String] { ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted() }

    /// A copy of every file but the lock, as a crash at one moment would leave them.
    ///
    /// Files are read until two passes find the same: since none of them ever goes back to what it was, that is how
    /// all of them stood in between.
    func crashed() throws -> EventLogTestFolder { try crashed {}.folder }

    /// As above, with what `note` says at that moment.
    func crashed<Note>(_ note: () -> Note) throws -> (folder: EventLogTestFolder, note: Note) {
        var files = contents
        var noted = note()
        while true {
            let again = contents
            if files == again { break }
            files = again
            noted = note()
        }
        let copy = EventLogTestFolder()
        try FileManager.default.createDirectory(atPath: copy.path, withIntermediateDirectories: true)
        for (name, data) in files { try data.write(to: URL(fileURLWithPath: copy.path + "/" + name)) }
        return (copy, noted)
    }

    /// What stands in the files that survive a crash of the machine; the `-shm` files are memory.
    private var contents: [String: Data] {
        let kept = names.filter { $0 != "lock" && !$0.hasSuffix("-shm") }
        return Dictionary(
            uniqueKeysWithValues: kept.compactMap { name in
                (try? Data(contentsOf: URL(fileURLWithPath: path + "/" + name))).map { (name, $0) }
            }
        )
    }

    /// Puts bytes behind the end of the newest write-ahead log, as a write that the crash cut off.
    func tear(_ bytes: Data) throws {
        guard let name = names.last(where: { $0.hasSuffix("-wal") }) else { return }
        let url = URL(fileURLWithPath: path + "/" + name)
        try (try Data(contentsOf: url) + bytes).write(to: url)
    }

    func open(
        _ options: SQLiteEventLogOptions = SQLiteEventLogOptions(),
        now: @escaping @Sendable () -> Int64 = { 1_750_000_000_000 }
    ) throws -> SQLiteEventLog {
        try SQLiteEventLog(
            folder: path,
            options: options,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            now: now
        )
    }

    var reader: SQLiteEventLogReader { SQLiteEventLogReader(folder: path) }
}

/// A batch that is told from others by `receivedAt`.
func batch(_ number: Int, padding: Int = 0) throws -> LoggedBatch {
    let metadata: JSONObject? = padding > 0 ? ["noise": .string(noise(padding, number))] : nil
    return try LoggedBatch(
        packing: EventBatch(events: [Event(name: "e", time: Int64(number), metadata: metadata)]),
        receivedAt: Int64(number),
        environment: "production",
        keyKind: "server"
    )
}

/// Text that does not compress well.
private func noise(_ length: Int, _ seed: Int) -> String {
    var value = UInt64(truncatingIfNeeded: seed) &+ 1
    return String(
        decoding: (0..<length).map { _ -> UInt8 in
            value = value &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(value >> 58) + 0x30
        },
        as: UTF8.self
    ).replacingOccurrences(of: "\\", with: "_")
}

/// Holds the writer's thread inside a transaction until it is opened.
final class Gate: Sendable {
    private let entered = DispatchSemaphore(value: 0)
    private let opened = DispatchSemaphore(value: 0)
    private let isClosed = Mutex(true)

    /// For `willCommit`: the first to come waits.
    func pass() {
        guard isClosed.withLock({ $0 }) else { return }
        entered.signal()
        opened.wait()
    }

    /// Returns when the writer stands at the gate.
    func waitForWriter() async {
        await withCheckedContinuation { continuation in
            Thread { [entered] in
                entered.wait()
                continuation.resume()
            }.start()
        }
    }

    func open() {
        isClosed.withLock { $0 = false }
        opened.signal()
    }
}
