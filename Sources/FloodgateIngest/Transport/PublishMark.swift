// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON

#if canImport(Glibc)
    internal import Glibc
#else
    internal import Darwin
#endif

/// The file that says up to where a log has reached the transport, and what the broker had then.
///
/// It may be behind, which costs a few batches that are sent again under their old ids.
struct PublishMark: Sendable {
    /// What the file says.
    struct Content: Sendable, Hashable {
        /// All batches up to here have arrived; 0 is before the first.
        var position: Int64 = 0
        /// Where they have.
        var sight = BrokerSight()
        /// Up to which segment of the log batches may have been sent twice.
        var resentThrough: Int64 = 0
    }

    /// A thousand partitions take a twentieth of it.
    private static let largest = 1 << 20
    private let file: String

    /// Makes the mark in `file`, whose folder is there.
    init(file: String) {
        self.file = file
    }

    /// What the file says; position 0 if there is none that reads.
    func read() -> Content {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return Content() }
        defer { close(descriptor) }
        var bytes: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 14)
        while bytes.count < Self.largest {
            let count = Self.retrying { pread(descriptor, &part, part.count, off_t(bytes.count)) }
            guard count >= 0 else { return Content() }
            if count == 0 { break }
            bytes += part[..<count]
        }
        guard bytes.last == UInt8(ascii: "\n"),
            let value = try? JSONValue(parsing: String(decoding: bytes, as: UTF8.self))
        else { return Content() }
        return Content(value) ?? Content()
    }

    /// Writes `content`, so that it lasts over a loss of power.
    /// - Throws: `.failed` with what the system says.
    func write(_ content: Content) throws(TransportError) {
        let draft = "\(file).new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw failure() }
        let bytes = content.json.bytes + [UInt8(ascii: "\n")]
        let isWritten = Self.retrying { pwrite(descriptor, bytes, bytes.count, 0) } == bytes.count
        let isSynced = isWritten && fsync(descriptor) == 0
        guard close(descriptor) == 0, isSynced, rename(draft, file) == 0 else { throw failure() }
        let folder = file.lastIndex(of: "/").map { String(file[...$0]) } ?? "."
        let opened = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard opened >= 0 else { throw failure() }
        defer { close(opened) }
        guard fsync(opened) == 0 else { throw failure() }
    }

    private func failure() -> TransportError {
        let reason = strerror(errno).map { String(cString: $0) } ?? "error \(errno)"
        return TransportError(.failed, "The mark \(file) cannot be written: \(reason)")
    }

    private static func retrying(_ call: () -> Int) -> Int {
        while true {
            let result = call()
            if result >= 0 || errno != EINTR { return result }
        }
    }
}

extension PublishMark.Content {
    /// Reads an object, or the position alone, which is what earlier versions wrote; nil if it is neither.
    fileprivate init?(_ value: JSONValue) {
        guard let position = (value["position"] ?? value).integerValue, position >= 0 else { return nil }
        var parts: [Int: BrokerSight.Part] = [:]
        for member in value["partitions"]?.objectValue ?? [:] {
            guard let partition = Int(member.name), partition >= 0, let last = member.value["last"]?.integerValue,
                last >= 0
            else { return nil }
            parts[partition] = BrokerSight.Part(
                epoch: member.value["epoch"]?.integerValue,
                last: UInt64(last),
                position: member.value["position"]?.integerValue
            )
        }
        let resent = value["resent_through"]?.integerValue ?? 0
        self.init(position: position, sight: BrokerSight(parts), resentThrough: max(0, resent))
    }

    fileprivate var json: JSONValue {
        var partitions: JSONObject = [:]
        for (partition, part) in sight.parts.sorted(by: { $0.key < $1.key }) {
            var about: JSONObject = ["last": .integer(Int64(clamping: part.last))]
            about.set("position", part.position.map { .integer($0) })
            about.set("epoch", part.epoch.map { .integer($0) })
            partitions.set(String(partition), .object(about))
        }
        return [
            "position": .integer(position), "partitions": .object(partitions),
            "resent_through": .integer(resentThrough),
        ]
    }
}
