// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateControlPlane
import FloodgateJSON
import FloodgateServer

/// `--wait`, for commands that publish.
struct WaitOption: ParsableArguments {
    @Flag(
        help: """
            Return when all live instances of SDKs and edges hold the change; name those that do not in time (exit code 75).
            """
    )
    var wait = false

    @Option(help: ArgumentHelp("How many seconds to wait.", valueName: "seconds")) var timeout = 60
    @OptionGroup var server: ServerOption

    func validate() throws {
        guard 1...86_400 ~= timeout else { throw ValidationError("--timeout must be from 1 to 86400 seconds") }
        if !wait, server.server != nil { throw ValidationError("--server is for --wait") }
    }

    /// Refuses to begin what could not be waited for.
    func prepare(_ data: DataOption) async throws {
        guard wait else { return }
        _ = try await server.link { try data.folder() }.fleet(environment: nil, limit: 0)
    }

    /// Waits until everybody holds what `control` has published.
    func finish(_ control: ControlPlane, _ data: DataOption, quietly: Bool) async throws {
        guard wait else { return }
        let link = try server.link { try data.folder() }
        let times = try await control.state().snapshots.mapValues { UInt64(clamping: $0.time) }
        let end = ContinuousClock.now + .seconds(timeout)
        var open = times
        while true {
            var behind: [(environment: String, fleet: JSONObject)] = []
            for (environment, time) in open.sorted(by: { $0.key < $1.key }) {
                let fleet: JSONObject
                do {
                    fleet = try await link.fleet(environment: environment, time: time, limit: 20).first ?? JSONObject()
                } catch let failure as ServerLink.Failure {
                    // A server that starts anew or has too much to do may answer yet.
                    guard ContinuousClock.now < end else { throw failure }
                    behind.append((environment, JSONObject()))
                    continue
                }
                let (live, holding) = (fleet["live"]?.integerValue ?? 0, fleet["holding"]?.integerValue ?? 0)
                // What nobody could hold yet is not there.
                let isServed = UInt64(clamping: fleet["newest"]?.integerValue ?? 0) >= time
                guard isServed, holding == live else {
                    behind.append((environment, fleet))
                    continue
                }
                open[environment] = nil
                let text = Self.success(environment, live, fleet, time)
                if quietly { StandardStreams.error(text + "\n") } else { print(text) }
            }
            if behind.isEmpty { return }
            guard ContinuousClock.now < end else { throw failure(behind) }
            try await Task.sleep(for: .milliseconds(250))
        }
    }

    private static func success(_ environment: String, _ live: Int64, _ fleet: JSONObject, _ time: UInt64) -> String {
        if live == 0 { return "\(environment): published; no instance is live" }
        let about = fleet["estimated"] == true ? "about " : ""
        let text =
            "\(environment): \(live == 1 ? "the one live instance holds" : "all \(about)\(live) live instances hold") it"
        // The one that is waited for: somebody may have published since.
        let version = fleet["versions"]?.arrayValue?.last { UInt64(clamping: $0["time"]?.integerValue ?? 0) >= time }
        guard let delay = version?["delay_ms"] else { return text }
        return text + " (p50 \(FleetText.duration(delay["p50"]?.integerValue)), "
            + "p99 \(FleetText.duration(delay["p99"]?.integerValue)))"
    }

    private func failure(_ behind: [(environment: String, fleet: JSONObject)]) -> CommandFailure {
        let parts = behind.map { environment, fleet in
            let live = fleet["live"]?.integerValue ?? 0
            let missing = live - (fleet["holding"]?.integerValue ?? 0)
            let instances = (fleet["stragglers"]?.arrayValue ?? []).compactMap(\.objectValue)
            let names = instances.map { instance in
                "\(FleetText.name(instance)), seen \(FleetText.duration(instance["seen_ms_ago"]?.integerValue)) ago"
            }
            let list = names.joined(separator: "; ")
            if missing == 0 { return "\(environment): the server does not serve it yet" }
            let about = fleet["estimated"] == true ? "about " : ""
            return "\(environment): \(about)\(missing) of \(live) live instances do not hold it: \(list)"
                + (Int64(names.count) < missing ? "; and \(missing - Int64(names.count)) more" : "")
        }
        return CommandFailure(
            .late,
            "It is published, but not in use everywhere after \(timeout) s. " + parts.joined(separator: ". ")
        )
    }
}
