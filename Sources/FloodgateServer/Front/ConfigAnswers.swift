// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateDelivery
import FloodgateHTTP
import FloodgateSnapshots
import FloodgateSpecs
import NIOCore
import Synchronization

/// Every answer that one snapshot ever gives on the config routes, as far as it is made.
final class ConfigAnswers: Sendable {
    var time: UInt64 { snapshot.time }
    /// How many seconds ago the document was known to be the newest; nil if nobody knows.
    let age: Int?
    private let snapshot: PreparedSnapshot
    private let checksum: [UInt8]
    private let nothingNew: ReadyAnswer
    /// Shape v1 plain and compressed, and then v2; nil where that is not made yet.
    private let bodies: [ByteBuffer?]
    /// The documents in that order.
    private let updates: [ReadyAnswer?]
    /// The document of shape v2 with its seal, plain and compressed; empty if nobody signed it.
    private let sealed: [ReadyAnswer?]
    private let tag: [UInt8]?
    private let notModified: ReadyAnswer

    /// The answers of `snapshot`, with the bodies of `known` as far as these are the same.
    init(_ snapshot: PreparedSnapshot, age: Int?, known: ConfigAnswers? = nil) {
        self.snapshot = snapshot
        self.age = age
        checksum = Array((snapshot.checksum ?? "").utf8)
        tag = snapshot.entityTag.map { Array($0.utf8) }
        func fields(isCompressed: Bool = false, isUpdate: Bool = true) -> [Refusal.Field] {
            Self.fields(snapshot, age: age, isCompressed: isCompressed, isUpdate: isUpdate)
        }
        notModified = ReadyAnswer(304, fields: fields())
        nothingNew = ReadyAnswer(
            200,
            fields: fields(isUpdate: false),
            body: ByteBuffer(bytes: PreparedSnapshot.nothingNew)
        )
        let bodies = [SpecDocument.Shape.v1, .v2].enumerated().flatMap { number, shape in
            [false, true].map { isCompressed in
                known?.bodies[2 * number + (isCompressed ? 1 : 0)]
                    ?? snapshot.ready(shape, compressed: isCompressed).map { ByteBuffer(bytes: $0) }
            }
        }
        func answers(_ bodies: [ByteBuffer?], and seal: [Refusal.Field] = []) -> [ReadyAnswer?] {
            bodies.enumerated().map { index, body in
                body.map { ReadyAnswer(200, fields: fields(isCompressed: index % 2 == 1) + seal, body: $0) }
            }
        }
        self.bodies = bodies
        updates = answers(bodies)
        let seal = snapshot.seal?.fields.map { Refusal.Field($0.name, $0.value) }
        sealed = seal.map { answers(Array(bodies[2...]), and: $0) } ?? []
    }

    /// The same at another age, or with more that is made.
    func renewed(age: Int?) -> ConfigAnswers { ConfigAnswers(snapshot, age: age, known: self) }

    /// Asks for the seal of a document.
    static let sealRequest = "floodgate-snapshot"

    private static func fields(
        _ snapshot: PreparedSnapshot,
        age: Int?,
        isCompressed: Bool,
        isUpdate: Bool
    ) -> [Refusal.Field] {
        var fields = [
            Refusal.Field("content-type", "application/json"), .init("x-since-time", String(snapshot.time)),
            .init("vary", "Accept-Encoding, statsig-supports-proto, \(sealRequest)"),
            .init("cache-control", isUpdate ? "private, max-age=0, must-revalidate" : "no-store"),
        ]
        if let age { fields.append(.init("floodgate-age", String(age))) }
        if isCompressed { fields.append(.init("content-encoding", "gzip")) }
        if isUpdate, let tag = snapshot.entityTag { fields.append(.init("etag", tag)) }
        return fields
    }

    /// The answer to who asks with `query`; nil if that takes more thought than the fast lane has time for, or
    /// is not made yet.
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
        let answer = isSealed ? sealed[acceptsGzip ? 1 : 0] : updates[(shape == .v1 ? 0 : 2) + (acceptsGzip ? 1 : 0)]
        return answer.map { Choice(answer: $0, held: held ?? 0, offered: time) }
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
    private struct State: Sendable {
        var answers: [String: ConfigAnswers] = [:]
        /// Documents of which some forms are not made yet, and when each came.
        var incomplete: [String: (number: Int, snapshot: PreparedSnapshot)] = [:]
        var number = 0
    }

    private let state = Mutex(State())
    private let generation = Atomic<Int>(0)
    private let work = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    var version: Int { generation.load(ordering: .acquiring) }
    var all: [String: ConfigAnswers] { state.withLock { $0.answers } }

    /// Shows what there is of a document at once; the rest is for `complete()`.
    func post(_ snapshot: PreparedSnapshot, age: Int?) {
        let answers = ConfigAnswers(snapshot, age: age)
        state.withLock { state in
            state.number += 1
            state.answers[snapshot.environment] = answers
            state.incomplete[snapshot.environment] = (state.number, snapshot)
        }
        generation.add(1, ordering: .releasing)
        work.continuation.yield()
    }

    /// Makes what is missing, so that nobody has to wait for it: what most ask for first.
    func complete() async {
        while let (number, snapshot) = state.withLock({ $0.incomplete.values.min { $0.number < $1.number } }) {
            for shape in [SpecDocument.Shape.v2, .v1] {
                _ = try? await snapshot.body(shape, acceptsGzip: true)
                show(snapshot, number)
            }
            state.withLock { state in
                if state.incomplete[snapshot.environment]?.number == number {
                    state.incomplete[snapshot.environment] = nil
                }
            }
        }
    }

    /// Shows more of a document, unless another one has come meanwhile.
    private func show(_ snapshot: PreparedSnapshot, _ number: Int) {
        guard let held = state.withLock({ $0.answers[snapshot.environment] }) else { return }
        let answers = held.renewed(age: held.age)
        let isShown = state.withLock { state in
            guard state.incomplete[snapshot.environment]?.number == number else { return false }
            state.answers[snapshot.environment] = answers
            return true
        }
        if isShown { generation.add(1, ordering: .releasing) }
    }

    /// Says how many seconds ago each document was known to be the newest; the documents themselves are not touched.
    func show(_ ages: [String: Int]) {
        for (environment, held) in all where held.age != ages[environment] {
            let answers = held.renewed(age: ages[environment])
            let isShown = state.withLock { state in
                guard state.answers[environment] === held else { return false }
                state.answers[environment] = answers
                return true
            }
            if isShown { generation.add(1, ordering: .releasing) }
        }
    }

    /// Makes what is missing, whenever something is.
    func run() async {
        for await _ in work.stream { await complete() }
    }
}
