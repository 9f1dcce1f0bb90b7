// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateHTTP
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
            try identity.reload()
            if isAsked { logger.notice("The certificate and key were read again") }
        } catch {
            logger.error(
                "The certificate and key cannot be used; the ones before stay",
                metadata: ["error": .string("\(error)")]
            )
        }
    }
}

/// Tells the guards how much memory the process has, four times a second.
struct MemoryWatch: Service {
    let guards: Guards

    func run() async {
        await cancelWhenGracefulShutdown {
            repeat {
                if let bytes = ProcessMemory.residentBytes { guards.note(residentBytes: Int(bytes)) }
            } while (try? await Task.sleep(for: .milliseconds(250))) != nil
        }
    }
}
