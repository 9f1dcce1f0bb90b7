// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateHTTP

/// One path with everything that is decided about a request before its body is read.
package struct Route: Sendable {
    /// Who may use the route.
    enum Access: Sendable, Hashable {
        /// Everybody.
        case open
        /// Whoever shows an SDK key of one of these kinds; `unknownStatus` answers a key that nobody knows.
        ///
        /// SDKs repeat a failed fetch of their configuration after 401 but not after 403, and keep events for later
        /// after 401 but drop them after 403.
        case keys(Set<KeyKind>, unknownStatus: Int)
        /// People at the console: on the machine itself, or with a console key as password (ADR 0007).
        case console
    }

    /// What goes first when there is more to do than can be done; the higher, the sooner.
    package enum ShedClass: Int, Sendable, CaseIterable, Comparable {
        /// Configuration, health and the kill switch: never.
        case vital = 0
        case exposures
        case events
        case streams
        case console
        case diagnostics

        package static func < (left: ShedClass, right: ShedClass) -> Bool { left.rawValue < right.rawValue }
    }

    /// What a body may be.
    struct BodyRule: Sendable, Hashable {
        /// Bytes, as sent.
        let limit: Int
        /// Media types, without parameters; a body that says nothing about itself is taken, too.
        let types: [StaticText]
        /// Content codings.
        var codings: [StaticText] = []

        static let none = BodyRule(limit: 64 << 10, types: [])
    }

    /// A path; `{…}` stands for one segment, whatever it is.
    let path: String
    /// Methods that the router knows; `HEAD` goes wherever `GET` goes.
    let methods: [RequestHead.Method]
    let access: Access
    let shedClass: ShedClass
    /// Where requests with a client key belong, which anybody can have.
    var publicClass: ShedClass?
    /// Whether it evaluates, and so never waits for the disk.
    var evaluates = false
    /// Whether what is asked for seldom takes longer than to hand it to another thread.
    var isAnsweredAtOnce = false
    /// Whether it takes batches of events, past the router.
    var takesBatches = false
    var body = BodyRule.none
    /// How long making the answer may take.
    var timeout = Duration.seconds(10)
    /// Whether browsers of any origin may ask, and so ask beforehand with `OPTIONS`.
    var allowsBrowsers = false
    /// Whether keys may come where OpenFeature's clients put them, too.
    var takesOpenFeatureKeys = false
    /// Whether changes through it are counted against the limit of the control plane, and clients understand 429.
    var isNative = false

    /// Where evaluation on behalf of clients belongs.
    static let evaluationClass = ShedClass.events

    /// What a request belongs to: by what is known of it, never by what it says of itself.
    func shedClass(for kind: KeyKind?) -> ShedClass { kind == .client ? publicClass ?? shedClass : shedClass }

    /// All methods that it answers.
    var allowed: [RequestHead.Method] {
        var allowed = methods
        if methods.contains(.get) { allowed.append(.head) }
        if allowsBrowsers { allowed.append(.options) }
        return allowed
    }
}

/// A text known at compile time, as a value that can be compared.
struct StaticText: Sendable, Hashable, ExpressibleByStringLiteral {
    let text: String
    init(stringLiteral text: String) { self.text = text }
}

extension RequestHead.Method {
    /// As it stands in `Allow`.
    var name: String {
        switch self {
        case .get: "GET"
        case .head: "HEAD"
        case .post: "POST"
        case .put: "PUT"
        case .patch: "PATCH"
        case .delete: "DELETE"
        case .options: "OPTIONS"
        case .other: ""
        }
    }
}
