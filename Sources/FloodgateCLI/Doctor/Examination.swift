// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateControlPlane
import FloodgateIngest
import FloodgateSQLite
import FloodgateServer

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// What `floodgate doctor` looks at.
struct Examination {
    /// One thing that was looked at.
    struct Finding {
        var subject: String
        var isGood: Bool
        var text: String

        static func good(_ subject: String, _ text: String) -> Finding {
            Finding(subject: subject, isGood: true, text: text)
        }

        static func bad(_ subject: String, _ text: String) -> Finding {
            Finding(subject: subject, isGood: false, text: text)
        }
    }

    let folder: DataFolder
    let address: ListenAddress
    let setsAside: Bool

    func findings() async -> [Finding] {
        var findings = [Finding.good("version", "floodgate \(FloodgateVersion.current)")]
        findings.append(clock())
        findings.append(contentsOf: dataFolder())
        if folder.exists {
            findings.append(contentsOf: await controlStore())
            findings.append(await eventLog())
        }
        findings.append(port())
        return findings
    }

    private func clock() -> Finding {
        let now = SystemClock.now()
        // When this version was made; a clock before that is wrong for sure.
        let made: Int64 = 1_767_225_600_000
        guard now >= made else {
            return .bad(
                "clock",
                "it says \(SystemClock.text(now)), which is before this version was made; set the clock"
            )
        }
        return .good("clock", SystemClock.text(now))
    }

    private func dataFolder() -> [Finding] {
        guard folder.exists else {
            return [
                .bad("data folder", "\(folder.path) is not there; `floodgate serve --data \(folder.path)` makes it")
            ]
        }
        do { try folder.prepare() } catch { return [.bad("data folder", "\(error)")] }
        var findings = [Finding.good("data folder", "\(folder.path) can be written")]
        if let free = folder.freeBytes {
            let text = "\(free >> 20) MiB free"
            let isEnough = free >= 256 << 20
            findings.append(
                isEnough ? .good("disk", text) : .bad("disk", "only \(text); make room, or intake will stop")
            )
        }
        return findings
    }

    private func controlStore() async -> [Finding] {
        let file = folder.controlFile
        guard access(file, F_OK) == 0 else {
            return [.good("control store", "there is none yet; the first start makes it")]
        }
        do throws(ControlError) {
            try SQLiteControlStore.check(path: file)
            let control = ControlPlane(store: try SQLiteControlStore(path: file), now: SystemClock.now)
            let state = try await control.state()
            for environment in state.environments { _ = try await control.currentDocument(environment: environment) }
            var findings = [
                Finding.good(
                    "control store",
                    "\(file) is sound: \(state.entities.count) entities, \(state.keys.count { $0.isActive }) active keys"
                )
            ]
            do throws(ControlError) {
                findings.append(
                    .good("audit log", "\(try await control.verifyAuditChain()) records, as they were written")
                )
            } catch { findings.append(.bad("audit log", error.description)) }
            let last = state.snapshots.values.map(\.time).max() ?? 0
            if last > SystemClock.now() + 60_000 {
                findings.append(
                    .bad(
                        "snapshots",
                        "the newest is of \(SystemClock.text(last)), which is in the future; check the clock"
                    )
                )
            }
            return findings
        } catch {
            guard error.code == .corrupt, setsAside else { return [.bad("control store", error.description)] }
            do {
                let name = try SQLiteControlStore.setAside(path: file, time: SystemClock.now())
                return [
                    .bad("control store", "it was damaged and is now \(name); the next start makes an empty project")
                ]
            } catch { return [.bad("control store", error.description)] }
        }
    }

    private func eventLog() async -> Finding {
        guard DataFolder(path: folder.eventFolder).exists else {
            return .good("event log", "there is none yet; the first start makes it")
        }
        do {
            let counts = try await SQLiteEventLogReader(folder: folder.eventFolder).counts()
            return .good("event log", "\(counts.events) events in \(counts.batches) batches")
        } catch { return .bad("event log", error.description) }
    }

    private func port() -> Finding {
        switch PortProbe.state(of: address) {
        case .free: .good("address", "\(address) is free")
        case .floodgate: .good("address", "Floodgate answers at \(address)")
        case .taken:
            .bad("address", "another program listens at \(address); stop it, or choose another port with --listen")
        case .unusable(let reason): .bad("address", "\(address) cannot be used: \(reason)")
        }
    }
}
