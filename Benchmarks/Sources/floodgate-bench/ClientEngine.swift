// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

// A scratch package without the client's dependencies can measure the evaluator alone.
#if canImport(Floodgate)
    internal import BenchmarkKit
    internal import Floodgate

    /// The client as an application uses it.
    struct ClientEngine: Engine {
        let client: FloodgateClient
        let options: CheckOptions

        /// Makes a client that answers from `document`.
        /// - Parameters:
        ///   - document: the specs.
        ///   - logsExposures: whether checks log exposures; else they are made without.
        ///   - sink: where events go; nil switches the network off, and with it all logging.
        /// - Throws: `BenchmarkError` if the document is of no use.
        init(document: [UInt8], logsExposures: Bool, sink: String?) async throws {
            var options = FloodgateClient.Options()
            options.bootstrap = document
            options.initTimeout = .seconds(60)
            if let sink {
                options.server = sink
                options.eventsURL = sink + "/v1/log_event"
                // Nothing is dropped before it is serialised: the loop logs faster than any program would.
                options.maxPendingBatches = 1_000_000
                options.maxEventBytes = 4 << 30
                options.shutdownTimeout = .seconds(60)
                options.pollInterval = .seconds(86_400)
                // The kit's contestants serialise what they log and throw it away: none compresses.
                options.compressesEvents = false
                options.disableDiagnostics = true
            } else {
                options.disableNetwork = true
            }
            client = FloodgateClient(key: "secret-bench", options: options)
            let details = await client.initialize()
            guard client.isReady else { throw BenchmarkError("the client did not start: \(details)") }
            self.options = logsExposures ? CheckOptions() : .withoutExposure
        }

        func checkGate(_ name: String, for user: FloodgateUser) -> Bool {
            client.checkGate(name, for: user, options: options)
        }

        func readExperiment(_ name: String, for user: FloodgateUser) -> Int {
            let experiment = client.experiment(name, for: user, options: options)
            return experiment.string("color", default: "").utf8.count + experiment.int("size", default: 0)
                + (experiment.bool("rounded", default: false) ? 1 : 0)
                + experiment.string("copy", default: "").utf8.count
        }

        func everything(for user: FloodgateUser) -> [UInt8] {
            client.clientInitializeBytes(for: user)
        }

        func settle() async { await client.flush() }

        var events: (logged: Int, dropped: Int) {
            let statistics = client.eventStatistics
            let dropped = statistics.droppedInAll
            return (statistics.sent + statistics.waiting + dropped, dropped)
        }
    }
#endif
