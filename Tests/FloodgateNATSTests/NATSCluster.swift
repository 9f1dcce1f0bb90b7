// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateIngest
import FloodgateNATS
import Foundation
import Testing

/// Brokers of a cluster, in a folder of their own, on ports that were free; all of them end with it.
///
/// Calls come from one test, one after the other.
final class NATSCluster: @unchecked Sendable {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    let folder: URL
    private let ports: [(client: Int, cluster: Int)]
    private let store: String
    private var brokers: [Int: (Process, Pipe)] = [:]

    /// Starts `count` brokers with so much room each.
    init(_ count: Int, store: String = "4GB") throws {
        self.store = store
        folder = FileManager.default.temporaryDirectory.appending(path: "floodgate-nats-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let free = try Self.freePorts(2 * count)
        ports = (0..<count).map { (free[2 * $0], free[2 * $0 + 1]) }
        for number in 0..<count { try start(number) }
    }

    deinit {
        for number in brokers.keys { kill(number) }
        try? FileManager.default.removeItem(at: folder)
    }

    /// The address of a transport on the cluster.
    func address(_ parameters: String) throws -> NATSAddress {
        let hosts = ports.map { "127.0.0.1:\($0.client)" }.joined(separator: ",")
        return try NATSAddress("nats://tester:p%40ss@\(hosts)?replicas=\(ports.count)&size=256MiB&\(parameters)")
    }

    /// Starts a broker with what it has on its disk.
    func start(_ number: Int) throws {
        let routes = ports.map { "nats://127.0.0.1:\($0.cluster)" }.joined(separator: ", ")
        let cluster = "cluster { name: test, listen: \"127.0.0.1:\(ports[number].cluster)\", routes: [\(routes)] }"
        let configuration = """
            server_name: broker-\(number)
            listen: "127.0.0.1:\(ports[number].client)"
            authorization { user: tester, password: "p@ss" }
            jetstream { store_dir: "\(folder.path)/\(number)", max_file_store: \(store) }
            log_file: "\(folder.path)/\(number).log"
            \(ports.count > 1 ? cluster : "")
            """
        let file = folder.appending(path: "\(number).conf")
        try Data(configuration.utf8).write(to: file)
        let process = Process()
        // Ends the broker, without asking it, when the pipe is closed, so also when the tests end in whatever way.
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = [
            "-c", "\"$0\" -c \"$1\" & cat >/dev/null; kill -9 $!; wait", try Self.program(), file.path,
        ]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let life = Pipe()
        _ = fcntl(life.fileHandleForWriting.fileDescriptor, F_SETFD, FD_CLOEXEC)
        process.standardInput = life
        try process.run()
        brokers[number] = (process, life)
    }

    /// Removes what a broker, which does not run, has on its disk.
    func empty(_ number: Int) throws {
        try FileManager.default.removeItem(at: folder.appending(path: "\(number)"))
    }

    /// Keeps what a broker, which does not run, has on its disk.
    func keep(_ number: Int) throws {
        try FileManager.default.copyItem(
            at: folder.appending(path: "\(number)"),
            to: folder.appending(path: "\(number).kept")
        )
    }

    /// Puts back what was kept of a broker, which does not run.
    func putBack(_ number: Int) throws {
        try empty(number)
        try FileManager.default.moveItem(
            at: folder.appending(path: "\(number).kept"),
            to: folder.appending(path: "\(number)")
        )
    }

    /// Ends a broker without asking it.
    func kill(_ number: Int) {
        guard let (process, life) = brokers.removeValue(forKey: number) else { return }
        try? life.fileHandleForWriting.close()
        process.waitUntilExit()
    }

    /// A transport on the cluster, when that is ready for it.
    func transport(_ parameters: String) async throws -> NATSTransport {
        let transport = NATSTransport(try address(parameters))
        var last: (any Error)?
        for _ in 0..<300 {
            do {
                try await transport.prepare()
                return transport
            } catch {
                last = error
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        throw Failure(description: "The cluster is not ready: \(String(describing: last))")
    }

    private static func program() throws -> String {
        let folders = (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":") + ["/usr/sbin"]
        for folder in folders {
            let file = "\(folder)/nats-server"
            if FileManager.default.isExecutableFile(atPath: file) { return file }
        }
        throw Failure(description: "There is no nats-server; run 'Scripts/bootstrap.sh test'")
    }

    private static func freePorts(_ count: Int) throws -> [Int] {
        // All are open at the same time, so that no two are the same.
        var sockets: [Int32] = []
        defer { for socket in sockets { close(socket) } }
        return try (0..<count).map { _ in
            #if canImport(Glibc)
                let made = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
            #else
                let made = socket(AF_INET, SOCK_STREAM, 0)
            #endif
            sockets.append(made)
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            var size = socklen_t(MemoryLayout<sockaddr_in>.size)
            let status = withUnsafeMutablePointer(to: &address) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                    bind(made, pointer, size) == 0 ? getsockname(made, pointer, &size) : -1
                }
            }
            guard status == 0 else { throw Failure(description: "There is no free port") }
            return Int(UInt16(bigEndian: address.sin_port))
        }
    }
}

/// Runs the tests of a suite on one cluster, since electing leaders takes it some seconds.
struct BrokersTrait: SuiteTrait, TestScoping {
    var count: Int

    func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        try await NATSCluster.$current.withValue(try NATSCluster(count)) { try await function() }
    }
}

extension Trait where Self == BrokersTrait {
    static func brokers(_ count: Int) -> BrokersTrait { BrokersTrait(count: count) }
}

extension NATSCluster {
    @TaskLocal static var current: NATSCluster?

    /// The suite's cluster.
    static var shared: NATSCluster {
        get throws {
            guard let current else { throw Failure(description: "The suite has no brokers; add .brokers to it") }
            return current
        }
    }
}

/// A batch at `position`, with `size` bytes that no broker looks into.
func sampleBatch(_ position: Int64, size: Int = 200) -> LoggedBatch {
    LoggedBatch(
        id: position,
        receivedAt: 1_700_000_000_000 + position,
        environment: "production",
        keyKind: "server",
        eventCount: 3,
        exposureCount: 1,
        rawSizeBytes: 1_000,
        payload: (0..<size).map { UInt8(truncatingIfNeeded: Int64($0) &* 31 ^ position) }
    )
}
