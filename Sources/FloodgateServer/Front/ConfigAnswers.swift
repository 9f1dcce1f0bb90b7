// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateHTTP
import FloodgateSnapshots
import FloodgateSpecs
import NIOCore
import Synchronization

/// Every answer that one snapshot ever gives on the config routes, made when it is published.
final class ConfigAnswers: Sendable {
    let time: UInt64
    private let checksum: [UInt8]
    private let nothingNew: ReadyAnswer
    private let updates: [ReadyAnswer]
    /// The document of shape v2 with its seal, plain and compressed; empty if nobody signed it.
    private let sealed: [ReadyAnswer]
    private let tag: [UInt8]?
    private let notModified: ReadyAnswer

    init(_ snapshot: PreparedSnapshot) {
        time = snapshot.time
        checksum = Array((snapshot.checksum ?? "").utf8)
        tag = snapshot.entityTag.map { Array($0.utf8) }
        notModified = ReadyAnswer(304, fields: Self.fields(snapshot, isCompressed: false, isUpdate: true))
        nothingNew = Self.answer(snapshot, PreparedSnapshot.nothingNew, isCompressed: false, isUpdate: false)
        let seal = snapshot.seal?.fields.map { Refusal.Field($0.name, $0.value) }
        sealed = [false, true].compactMap { isCompressed in
            seal.map { seal in
                ReadyAnswer(
                    200,
                    fields: Self.fields(snapshot, isCompressed: isCompressed, isUpdate: true) + seal,
                    body: ByteBuffer(bytes: snapshot.body(compressed: isCompressed))
                )
            }
        }
        updates = [SpecDocument.Shape.v1, .v2].flatMap { shape in
            [false, true].map { acceptsGzip in
                let answer = snapshot.answer(shape, toHolderOf: HeldSnapshot(), acceptsGzip: acceptsGzip)
                return Self.answer(snapshot, answer.body, isCompressed: acceptsGzip, isUpdate: true)
            }
        }
    }

    /// Asks for the seal of a document.
    static let sealRequest = "floodgate-snapshot"

    private static func answer(
        _ snapshot: PreparedSnapshot,
        _ body: [UInt8],
        isCompressed: Bool,
        isUpdate: Bool
    ) -> ReadyAnswer {
        let fields = fields(snapshot, isCompressed: isCompressed, isUpdate: isUpdate)
        return ReadyAnswer(200, fields: fields, body: ByteBuffer(bytes: body))
    }

    private static func fields(_ snapshot: PreparedSnapshot, isCompressed: Bool, isUpdate: Bool) -> [Refusal.Field] {
        var fields = [
            Refusal.Field("content-type", "application/json"), .init("x-since-time", String(snapshot.time)),
            .init("vary", "Accept-Encoding, statsig-supports-proto, \(sealRequest)"),
            .init("cache-control", isUpdate ? "private, max-age=0, must-revalidate" : "no-store"),
        ]
        if isCompressed { fields.append(.init("content-encoding", "gzip")) }
        if isUpdate, let tag = snapshot.entityTag { fields.append(.init("etag", tag)) }
        return fields
    }

    /// The answer to who asks with `query`; nil if that takes more thought than the fast lane has time for.
    ///
    /// No SDK sends `If-None-Match`, and none would understand a 304; caches in between do both.
    func answer(
        _ shape: SpecDocument.Shape,
        query: UnsafeRawBufferPointer,
        acceptsGzip: Bool,
        wantsSeal: Bool,
        ifNoneMatch: UnsafeRawBufferPointer?
    ) -> Choice? {
        var held: UInt64?
        var agrees = true
        var start = 0
        while start < query.count {
            var end = start
            while end < query.count, query[end] != UInt8(ascii: "&") { end += 1 }
            let pair = UnsafeRawBufferPointer(rebasing: query[start..<end])
            start = end + 1
            if pair.starts(with: "sinceTime=".utf8) {
                guard held == nil, let time = Self.number(pair.dropFirst(10)) else { return nil }
                held = time
            } else if pair.starts(with: "checksum=".utf8) {
                let value = UnsafeRawBufferPointer(rebasing: pair.dropFirst(9))
                guard !value.isEmpty else { return nil }
                // One that does not read the same may still be the same, escaped once or twice.
                guard value.elementsEqual(checksum) || !value.contains(UInt8(ascii: "%")) else { return nil }
                agrees = value.elementsEqual(checksum)
            } else if pair.starts(with: "k=".utf8) {
                return nil
            }
        }
        if let held, held >= time, agrees { return Choice(answer: nothingNew, held: held) }
        if let ifNoneMatch, let tag, EntityTags.list(ifNoneMatch, names: tag) {
            return Choice(answer: notModified, held: held ?? time)
        }
        let isSealed = wantsSeal && shape == .v2 && !sealed.isEmpty
        return Choice(
            answer: isSealed ? sealed[acceptsGzip ? 1 : 0] : updates[(shape == .v1 ? 0 : 2) + (acceptsGzip ? 1 : 0)],
            held: held ?? 0,
            offered: time
        )
    }

    /// An answer, and what it tells of who gets it.
    struct Choice {
        var answer: ReadyAnswer
        /// The time of the document that they hold; 0 for none.
        var held: UInt64
        /// The time of the document that they get, if they get one.
        var offered: UInt64?
    }

    private static func number(_ digits: Slice<UnsafeRawBufferPointer>) -> UInt64? {
        guard !digits.isEmpty, digits.count <= 18 else { return nil }
        var value: UInt64 = 0
        for digit in digits {
            guard digit &- 0x30 < 10 else { return nil }
            value = value * 10 + UInt64(digit & 15)
        }
        return value
    }
}

/// The answers of all environments, for every event loop to copy when they change.
final class ConfigAnswersBoard: Sendable {
    private let answers = Mutex<[String: ConfigAnswers]>([:])
    private let generation = Atomic<Int>(0)

    var version: Int { generation.load(ordering: .acquiring) }
    var all: [String: ConfigAnswers] { answers.withLock { $0 } }

    func post(_ snapshot: PreparedSnapshot) {
        let new = ConfigAnswers(snapshot)
        answers.withLock { $0[snapshot.environment] = new }
        generation.add(1, ordering: .releasing)
    }
}
