// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

package import Floodgate
package import Hummingbird
package import Logging

/// A web service that asks a gate for each request.
///
/// Start it with `swift run HummingbirdService SERVER-KEY [ADDRESS]` and ask it with
/// `curl 'http://127.0.0.1:8081/checkout?user=u-42'`. Control-C ends it in order.
@main
struct HummingbirdService {
    static func main() async throws {
        let arguments = CommandLine.arguments
        guard arguments.count > 1 else { return print("usage: HummingbirdService SERVER-KEY [ADDRESS]") }

        let logger = Logger(label: "shop")
        var options = FloodgateClient.Options()
        if arguments.count > 2 { options.server = arguments[2] }
        options.logger = logger
        let flags = FloodgateClient(key: arguments[1], options: options)
        try await makeApplication(flags: flags, port: 8081, logger: logger).runService()
    }
}

/// The service with all its parts, for `main` and for tests.
///
/// The client is one of the application's services: it starts before the server takes requests, and ends after the last
/// one is answered, sending the exposures that wait.
package func makeApplication(
    flags: FloodgateClient,
    port: Int,
    logger: Logger
) -> some ApplicationProtocol {
    let router = Router()
    router.get("checkout") { request, _ in
        let user = FloodgateUser(userID: request.uri.queryParameters.get("user") ?? "anonymous")
        guard flags.checkGate("new_checkout", for: user) else { return "The checkout that you know" }
        let copy = flags.experiment("checkout_copy", for: user)
        return "The new checkout: " + copy.string("title", default: "Buy")
    }
    var application = Application(
        router: router,
        configuration: ApplicationConfiguration(address: .hostname("127.0.0.1", port: port)),
        services: [flags],
        logger: logger
    )
    // So that the first request is answered from a document; within `initTimeout`, whatever the server does.
    application.beforeServerStarts { await flags.initialize() }
    return application
}
