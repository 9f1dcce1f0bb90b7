// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateJSON
internal import Synchronization

#if canImport(Glibc)
    internal import Glibc
#elseif canImport(Musl)
    internal import Musl
#else
    internal import Darwin
#endif

/// Tells the server which document is in use, and since when, while changes come over a stream; polls say it themselves.
final class UseReporter: Sendable {
    private struct State {
        /// How far reports are spread after a change, as the server wants it.
        var spread: Duration = .seconds(1)
        /// How often there is a report without one, likewise.
        var interval: Duration = .seconds(60)
    }

    /// How the server's answer tells that it takes no reports.
    private static let refusals: Set<Int> = [400, 401, 403, 404, 405, 410, 413, 415, 501]
    /// A server that takes none is asked again after so long.
    private static let refusalPause: Duration = .seconds(3600)
    /// The name of the header that says what people call the instance.
    static let nameField = "floodgate-instance"

    private let settings: Settings
    private let timing: Timing
    private let state = Mutex(State())
    private let changes = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    init(settings: Settings, timing: Timing) {
        self.settings = settings
        self.timing = timing
    }

    /// Another document is in use, or the stream has begun.
    func didChange() { changes.continuation.yield() }

    /// What is in use, for how many milliseconds, and from which of the addresses.
    struct Use: Sendable {
        var held: HeldSpecs
        var age: Int64
        var address: Int
    }

    /// Reports until the task is cancelled; `use` gives nil while there is no stream.
    func run(over transport: any Transport, use: @escaping @Sendable () -> Use?) async {
        await withTaskGroup { group in
            let (turns, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
            group.addTask {
                for await _ in self.changes.stream {
                    guard await self.timing.pause(self.state.withLock { $0.spread } * self.timing.random()) else {
                        return
                    }
                    continuation.yield()
                }
            }
            group.addTask {
                while true {
                    let interval = self.state.withLock { $0.interval }
                    guard await self.timing.pause(interval * (0.9 + 0.2 * self.timing.random())) else { return }
                    continuation.yield()
                }
            }
            group.addTask {
                for await _ in turns {
                    guard let use = use() else { continue }
                    guard await self.report(use, over: transport) else {
                        guard await self.timing.pause(Self.refusalPause) else { return }
                        continue
                    }
                }
            }
            await group.next()
            group.cancelAll()
        }
    }

    /// - Returns: False if the server takes no reports.
    private func report(_ use: Use, over transport: any Transport) async -> Bool {
        var body: JSONObject = [
            "time": .integer(Int64(clamping: use.held.time)), "used_ms_ago": .integer(max(0, use.age)),
        ]
        body.set("checksum", use.held.checksum.map(JSONValue.string))
        var headers = settings.headers(at: timing.wall())
        headers.append((Self.nameField, settings.instanceName))
        headers.append(("content-type", "application/json"))
        let request = TransportRequest(
            purpose: .report,
            method: .post,
            // To whoever has the stream, or it would take the instance for gone.
            url: settings.reportURLs[min(use.address, settings.reportURLs.count - 1)],
            headers: headers,
            body: JSONValue.object(body).bytes,
            maxAnswerBytes: 16 << 10,
            timeout: settings.options.requestTimeout
        )
        // One that does not get through is made up for by the next.
        guard let answer = try? await transport.send(request) else { return true }
        guard !Self.refusals.contains(answer.status) else { return false }
        guard 200..<300 ~= answer.status, let object = (try? JSONValue(parsing: answer.body))?.objectValue else {
            return true
        }
        state.withLock { state in
            if let spread = object["spread_ms"]?.integerValue {
                state.spread = .milliseconds(min(max(spread, 0), 300_000))
            }
            if let interval = object["interval_ms"]?.integerValue {
                state.interval = .milliseconds(min(max(interval, 10_000), 3_600_000))
            }
        }
        return true
    }

    /// What the machine, or the container, is called.
    static func hostName() -> String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
