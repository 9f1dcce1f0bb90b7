// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate

/// A command-line job that asks a gate and a config, reports what it did and ends: `swift run Job SERVER-KEY [ADDRESS]`.
@main
struct Job {
    static func main() async {
        let arguments = CommandLine.arguments
        guard arguments.count > 1 else { return print("usage: Job SERVER-KEY [ADDRESS]") }

        var options = FloodgateClient.Options()
        if arguments.count > 2 { options.server = arguments[2] }
        // A job is short: it waits little for its first document, and goes on with defaults.
        options.initTimeout = .seconds(1)
        let client = FloodgateClient(key: arguments[1], options: options)
        let details = await client.initialize()
        if let failure = details.failure { print("Going on with defaults: \(failure)") }

        // A job has no users: any unit will do, as long as it is the same each time.
        let job = FloodgateUser(userID: "nightly-cleanup")
        if client.checkGate("nightly_cleanup", for: job) {
            let limit = client.dynamicConfig("cleanup", for: job).int("rows", default: 1_000)
            print("cleaning up, \(limit) rows at most")
            client.logEvent("cleaned_up", for: job, value: .integer(limit))
            await client.flush()  // what comes next may take long, and the event is not to wait for it
        } else {
            print("nothing to do")
        }

        // Sends what still waits, within `shutdownTimeout`; without it the last events would be lost.
        await client.shutdown()
        let events = client.eventStatistics
        print("events sent: \(events.sent), dropped: \(events.droppedInAll)")
    }
}
