// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import BenchmarkKit
internal import Glibc

/// `floodgate serve` with the demo project, on a core of its own.
final class ServerProcess {
    let port: UInt16
    private(set) var serverKey = ""
    private(set) var clientKey = ""
    private let pid: pid_t

    /// Starts the server and waits until it listens.
    init(_ arguments: Arguments) throws(BenchmarkError) {
        port = try Self.freePort()
        let output = arguments.folder + "/output"
        let words = [
            "taskset", "-c", String(arguments.cores.server), arguments.program, "serve", "--demo", "--data",
            arguments.folder + "/data", "--listen", "127.0.0.1:\(port)", "--log-level", "error",
        ]
        pid = try Self.spawn(words, output: output, errors: arguments.folder + "/log")
        let end = Clock.monotonic.now + 60
        while Clock.monotonic.now < end {
            let text = (try? contents(of: output)).map { String(decoding: $0, as: UTF8.self) } ?? ""
            if let server = Self.word(after: "Server key", in: text),
                let client = Self.word(after: "Client key", in: text)
            {
                (serverKey, clientKey) = (server, client)
                return
            }
            usleep(50_000)
        }
        kill(pid, SIGKILL)
        throw BenchmarkError("the server did not start; \(arguments.folder)/log says more")
    }

    /// CPU seconds of the server so far.
    var cpuSeconds: Double {
        guard let bytes = try? Self.file("/proc/\(pid)/stat") else { return 0 }
        // The name, in brackets, may hold blanks.
        let fields = String(decoding: bytes, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
        guard fields.count > 12, let user = Double(fields[11]), let system = Double(fields[12]) else { return 0 }
        return (user + system) / Double(sysconf(Int32(_SC_CLK_TCK)))
    }

    /// Resident memory in MiB.
    var residentMebibytes: Int {
        guard let bytes = try? Self.file("/proc/\(pid)/statm") else { return 0 }
        let fields = String(decoding: bytes, as: UTF8.self).split(separator: " ")
        return fields.count > 1 ? ((Int(fields[1]) ?? 0) * sysconf(Int32(_SC_PAGESIZE))) >> 20 : 0
    }

    func stop() {
        kill(pid, SIGTERM)
        var status: Int32 = 0
        waitpid(pid, &status, 0)
    }

    private static func spawn(_ words: [String], output: String, errors: String) throws(BenchmarkError) -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { for argument in arguments { free(argument) } }
        var pid: pid_t = 0
        guard posix_spawnp(&pid, words[0], &actions, nil, &arguments, environ) == 0 else {
            throw BenchmarkError("cannot run \(words[0])")
        }
        return pid
    }

    private static func freePort() throws(BenchmarkError) -> UInt16 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(descriptor) }
        var address = Address.loopback(0)
        guard Address.with(&address, { bind(descriptor, $0, $1) }) == 0,
            Address.withLength(&address, { getsockname(descriptor, $0, $1) }) == 0
        else { throw BenchmarkError("there is no free port") }
        return UInt16(bigEndian: address.sin_port)
    }

    /// A file of /proc, which has no size before it is read.
    private static func file(_ path: String) throws(BenchmarkError) -> [UInt8] {
        let descriptor = open(path, O_RDONLY)
        guard descriptor >= 0 else { throw BenchmarkError("cannot read \(path)") }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = read(descriptor, &bytes, bytes.count)
        return Array(bytes.prefix(max(0, count)))
    }

    private static func word(after name: String, in text: String) -> String? {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ")
            if words.count == 3, words[0] + " " + words[1] == name { return String(words[2]) }
        }
        return nil
    }
}

/// Addresses of this machine as the C library takes them.
enum Address {
    static func loopback(_ port: UInt16) -> sockaddr_in {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = port.bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return address
    }

    static func with(_ address: inout sockaddr_in, _ call: (UnsafePointer<sockaddr>, socklen_t) -> Int32) -> Int32 {
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, size) }
        }
    }

    static func withLength(
        _ address: inout sockaddr_in,
        _ call: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Int32
    ) -> Int32 {
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return withUnsafeMutablePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { call($0, &size) }
        }
    }

    /// A socket that is connected to `port`, or -1.
    static func connect(_ port: UInt16) -> Int32 {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = loopback(port)
        guard with(&address, { Glibc.connect(descriptor, $0, $1) }) == 0 else {
            close(descriptor)
            return -1
        }
        var yes: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
        return descriptor
    }
}
