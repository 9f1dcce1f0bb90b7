// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import ArgumentParser
import FloodgateServer

/// `floodgate doctor`: finds out why a server does not work, or would not.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check the data folder, the port, the clock and the versions.",
        discussion: """
            Checks whether the folder can be written and has room, whether the control store and every segment of the event \
            log are sound, whether the audit log is as it was written, whether the address is free (or Floodgate itself \
            answers there), and whether the clock makes sense. Prints one line for each and says what to do about what is \
            wrong. Reads only, and may run beside a server.

            With --set-aside a damaged control store is renamed, so that the next start makes an empty project. Nothing is \
            ever deleted; restoring a backup is the better way if there is one.

            Exits with 1 if something is wrong.
            """
    )

    @OptionGroup var data: DataOption
    @Option(
        help: ArgumentHelp("Address to check (default: FLOODGATE_LISTEN, or 127.0.0.1:8080).", valueName: "host:port")
    )
    var listen: ListenAddress?
    @Flag(help: "Rename a damaged control store.") var setAside = false

    func run() async throws {
        let folder = try data.folder()
        let fallback =
            CommandSettings.listen.value.flatMap { ListenAddress($0) } ?? ListenAddress(host: "127.0.0.1", port: 8080)
        let examination = Examination(folder: folder, address: listen ?? fallback, setsAside: setAside)
        let findings = await examination.findings()
        for finding in findings { print("\(finding.isGood ? "ok   " : "WRONG") \(finding.subject): \(finding.text)") }
        let faults = findings.count { !$0.isGood }
        print(faults == 0 ? "All is well." : "\(faults) thing\(faults == 1 ? " is" : "s are") wrong.")
        if faults > 0 { throw ExitCode(CommandFailure.Code.failure.rawValue) }
    }
}
