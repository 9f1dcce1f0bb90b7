// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import Floodgate

/// Asks a running server (`make run`) about one user: `swift run QuickStart SERVER-KEY [ADDRESS]`.
@main
struct QuickStart {
    static func main() async {
        let arguments = CommandLine.arguments
        guard arguments.count > 1 else { return print("usage: QuickStart SERVER-KEY [ADDRESS]") }

        var options = FloodgateClient.Options()
        if arguments.count > 2 { options.server = arguments[2] }
        options.enableIDLists = true
        let client = FloodgateClient(key: arguments[1], options: options)
        let details = await client.initialize()
        if let failure = details.failure { print("Going on with defaults: \(failure)") }

        let user = FloodgateUser(userID: "u-42", email: "ana@example.com", custom: ["plan": "pro"])
        for name in client.gateNames.sorted() { print(name, client.checkGate(name, for: user)) }

        let page = client.dynamicConfig("catalog_page", for: user)
        print("page size:", page.int("page_size", default: 10), "because", page.details.reason.wireName)
        let copy = client.experiment("checkout_copy", for: user)
        print("title:", copy.string("title", default: "Buy"), "in group", copy.groupName ?? "none")
        let search = client.layer("search_page", for: user)
        print("suggestions:", search.int("suggestions", default: 3))

        client.logEvent("purchase", for: user, value: 49.9, metadata: ["currency": "EUR"])
        await client.shutdown()
        print("events sent:", client.eventStatistics.sent)
    }
}
