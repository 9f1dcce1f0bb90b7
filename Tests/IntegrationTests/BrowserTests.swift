// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateJSON
import FloodgateTestSupport
import Foundation
import Testing

extension EndToEnd {
    /// The console as a person sees it, in headless Chromium; screenshots lie in `.build/screenshots`.
    @Suite("The console in a browser", .serialized) struct BrowserTests {
        private static let gate = "free_returns"
        private static let unit = "u-browser-test"

        private func ask(_ browser: Conversation, _ command: String) async throws -> JSONValue {
            try browser.say(command)
            return try JSONValue(parsing: try await browser.next(within: 120))
        }

        @Test func `toggles a gate for an SDK elsewhere, and shows exposures as they arrive`() async throws {
            let python = try Program.python()
            let screenshots = SharedData.repository + "/.build/screenshots"
            var server = try await RunningServer.start()
            let key = try await server.key("server")
            let browser = try Conversation(python, [Program.client("browser.py"), server.url, Self.gate, screenshots])

            let opened = try await ask(browser, "open")
            let listed = try await Program.floodgate("gate", "list", "--data", server.data)
            let gates = opened["gates"]?.arrayValue?.compactMap(\.stringValue) ?? []
            #expect(gates.count >= 6)
            for gate in gates { #expect(listed.output.contains(gate)) }
            #expect(opened["on"] == true)
            #expect(opened["errors"] == [], "The browser's console has errors")
            _ = try await ask(browser, "state Connected")

            // Another process asks the gate; its first exposure shows up on the open page.
            let watcher = try Conversation(
                python,
                [Program.client("watch_gate.py"), server.url, key, Self.gate, Self.unit]
            )
            #expect(try await watcher.next(within: 30) == "true")
            _ = try await ask(browser, "live \(Self.gate) \(Self.unit) true")

            let toggled = try await ask(browser, "toggle Refunds take too long")
            #expect(toggled["on"] == false)
            #expect(toggled["notice"]?.stringValue?.contains("\(Self.gate) is off") == true)
            let clock = ContinuousClock()
            let start = clock.now
            #expect(try await watcher.next(within: 10) == "false")
            print("A toggle in the console reached an SDK that polls each second in \(clock.now - start)")
            _ = try await ask(browser, "live \(Self.gate) \(Self.unit) false")

            // The page says when it loses the server, and finds it again.
            let port = server.port
            let folder = server.folder
            #expect(await server.stop() == 0)
            _ = try await ask(browser, "state Disconnected, trying again")
            server = try await RunningServer.start(in: folder, port: port)
            _ = try await ask(browser, "state Connected")

            let again = try await ask(browser, "toggle Fixed")
            #expect(again["on"] == true)
            #expect(try await watcher.next(within: 10) == "true")

            let rolled = try await ask(browser, "rollout 0")
            #expect(rolled["notice"]?.stringValue?.contains("rollout of \(Self.gate) is set") == true)
            let history = rolled["history"]?.arrayValue?.compactMap(\.stringValue) ?? []
            #expect(history.first?.contains("from 100% to 0%") == true)
            #expect(history.contains { $0.contains("Refunds take too long") && $0.contains("Switched off") })
            #expect(history.contains { $0.contains("Fixed") && $0.contains("Switched on") })
            #expect(try await watcher.next(within: 10) == "false")

            let plain = try await ask(browser, "plain No scripts here")
            #expect(plain["gates"] == opened["gates"])
            #expect(plain["on"] == false)
            #expect(plain["notice"]?.stringValue?.contains("is off") == true)
            #expect((plain["events"]?.integerValue ?? 0) > 0)

            // The page Fleet learns of somebody who holds an old version, without being loaded again.
            let fleet = try await ask(browser, "fleet")
            #expect(fleet["summary"]?.stringValue?.contains("live instance") == true)
            #expect(fleet["errors"] == [], "The browser's console has errors")
            let headers = ["statsig-server-session-id": "0123456789", "floodgate-instance": "left-behind"]
            let path = "/v2/download_config_specs/\(key).json?sinceTime=1"
            #expect(try await HTTP.send("GET", server.url + path, headers).status == 200)
            let behind = try await ask(browser, "behind left-behind")
            #expect(behind["focus stayed"] == true)
            #expect(behind["spoken"]?.stringValue?.contains("on the newest version") == true)

            let shots = try await ask(browser, "shots")
            #expect(shots["overflowing"] == [], "Pages must fit their width")
            print("Screenshots of the console in .build/screenshots: \(shots["files"]?.text ?? "none")")

            #expect(await watcher.end() == 0)
            #expect(await browser.end() == 0)
            #expect(await server.stop() == 0)
        }
    }
}
