// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
import FoundationEssentials
import Logging
import ServiceLifecycle
import UnixSignals

/// Reads the certificate and key again every minute, and at once on SIGHUP, which without them does nothing.
struct CertificateWatch: Service {
    let identity: TLSIdentity?
    let logger: Logger

    func run() async {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask {
                    for await _ in await UnixSignalsSequence(trapping: [.sighup]) { reload(isAsked: true) }
                }
                group.addTask { while (try? await Task.sleep(for: .seconds(60))) != nil { reload(isAsked: false) } }
            }
        }
    }

    private func reload(isAsked: Bool) {
        guard let identity else { return }
        do {
            try identity.reload(at: Int(Date().timeIntervalSince1970))
            if isAsked { logger.notice("The certificate and key were read again") }
        } catch {
            logger.error(
                "The certificate and key cannot be used; the ones before stay",
                metadata: ["error": .string("\(error)")]
            )
        }
    }
}

/// Lets the guards look at the clock, and at how much memory the process has.
struct GuardWatch: Service {
    let guards: Guards

    func run() async {
        await cancelWhenGracefulShutdown {
            var ticks = 0
            repeat {
                guards.tick(at: MonotonicClock.now)
                if ticks % 10 == 0 { lookAtMemory(mayTrim: ticks % 40 == 0) }
                ticks &+= 1
            } while (try? await Task.sleep(for: .milliseconds(25))) != nil
        }
    }

    /// What was freed counts as resident until the system has it back; without that a flood would outlive itself.
    private func lookAtMemory(mayTrim: Bool) {
        guard let bytes = ProcessMemory.residentBytes, guards.note(residentBytes: Int(bytes)), mayTrim else { return }
        ProcessMemory.giveBackFreed()
        if let bytes = ProcessMemory.residentBytes { guards.note(residentBytes: Int(bytes)) }
    }
}
