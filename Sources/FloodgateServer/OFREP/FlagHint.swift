// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateEvaluation
import FloodgateHTTP
import Hummingbird
import Synchronization

/// Which version a client was told of before it asks again (`flagConfigEtag`, `flagConfigLastModified`).
///
/// A node that has not seen that version yet would answer with what the client holds already, and the client would not
/// ask again: such a node waits for it, for a moment.
package struct FlagHint: Sendable {
    let etag: String?
    /// In Unix seconds.
    let lastModified: Int64?

    /// A hint.
    package init(etag: String?, lastModified: Int64?) {
        self.etag = etag
        self.lastModified = lastModified
    }

    /// The hint of `request`; nil if it has none, as all requests that no event of a stream caused.
    init?(_ request: Request) {
        let query = request.uri.queryParameters
        etag = query.get("flagConfigEtag")
        lastModified = query.get("flagConfigLastModified").flatMap { text in
            Int64(text) ?? Timestamps.milliseconds(fromUserText: text).map { $0 / 1_000 }
        }
        if etag == nil, lastModified == nil { return nil }
    }

    /// Whether it names something newer than `version`, and not later than `now`, in Unix milliseconds.
    package func isAhead(of version: FlagVersion, at now: Int64) -> Bool {
        guard let lastModified else { return false }
        // A clock that is ahead by a little must not keep anybody from anything.
        guard lastModified <= now / 1_000 + 5 else { return false }
        // Of two versions of one second nobody can tell which came first: one moment of patience is cheap.
        return lastModified > version.lastModified
            || lastModified == version.lastModified && etag != nil && etag != version.etag
    }
}

/// How many requests may wait at once for a version that their clients know of: waiting costs memory and turns.
package final class HintPatience: Sendable {
    private let waiting = Atomic<Int>(0)
    private let limit = 64
    private let time: Duration

    /// Patience of so long at most.
    package init(time: Duration = .milliseconds(500)) { self.time = time }

    /// How many wait.
    package var count: Int { waiting.load(ordering: .relaxed) }

    /// Waits until `bell` has a version that `hint` is not ahead of, or for half a second, or not at all.
    package func wait(
        for hint: FlagHint,
        of environment: String,
        on bell: ChangeBell,
        now: @escaping @Sendable () -> Int64
    ) async {
        guard let feed = bell.feed(of: environment, lastEventID: nil)?.feed else { return }
        // Before the version is looked at, so that none is missed in between.
        let events = feed.events()
        func isBehind() -> Bool { bell.version(of: environment).map { hint.isAhead(of: $0, at: now()) } ?? false }
        guard isBehind() else { return }
        guard waiting.add(1, ordering: .relaxed).newValue <= limit else {
            waiting.subtract(1, ordering: .relaxed)
            return
        }
        defer { waiting.subtract(1, ordering: .relaxed) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                for await _ in events
                where !(bell.version(of: environment).map { hint.isAhead(of: $0, at: .max) } ?? false) {
                    return
                }
            }
            group.addTask { [time] in try? await Task.sleep(for: time) }
            await group.next()
            group.cancelAll()
        }
    }
}
