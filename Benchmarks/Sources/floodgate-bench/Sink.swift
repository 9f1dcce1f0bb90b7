// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import BenchmarkKit
internal import Glibc

/// A server on loopback that takes every event and forgets it, in a process of its own, so that its CPU time is not
/// the contestant's.
struct Sink {
    /// The address, without a path.
    let url: String

    /// Starts the process, which ends when this one does.
    init() throws(BenchmarkError) {
        var (toChild, fromChild): ([Int32], [Int32]) = ([0, 0], [0, 0])
        guard pipe(&toChild) == 0, pipe(&fromChild) == 0 else { throw BenchmarkError("no pipes: \(errno)") }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_adddup2(&actions, toChild[0], STDIN_FILENO)
        posix_spawn_file_actions_adddup2(&actions, fromChild[1], STDOUT_FILENO)
        for descriptor in toChild + fromChild { posix_spawn_file_actions_addclose(&actions, descriptor) }
        defer { posix_spawn_file_actions_destroy(&actions) }
        var child = pid_t()
        var arguments = [strdup("floodgate-bench"), strdup("sink"), nil]
        defer { for argument in arguments { free(argument) } }
        guard posix_spawn(&child, "/proc/self/exe", &actions, nil, &arguments, environ) == 0 else {
            throw BenchmarkError("the sink did not start")
        }
        close(toChild[0])
        close(fromChild[1])
        var text = [UInt8](repeating: 0, count: 16)
        let count = read(fromChild[0], &text, text.count)
        guard count > 0, let port = UInt16(String(decoding: text.prefix(count - 1), as: UTF8.self)) else {
            throw BenchmarkError("the sink says no port")
        }
        url = "http://127.0.0.1:\(port)"
    }

    /// What the child does: says its port, then serves until its standard input ends.
    static func serve() throws(BenchmarkError) {
        let listener = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = withUnsafeMutablePointer(to: &address) { address in
            address.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(listener, address, length) == 0 && listen(listener, 16) == 0
                    && getsockname(listener, address, &length) == 0
            }
        }
        guard isBound else { throw BenchmarkError("no port to listen on: \(errno)") }
        print(UInt16(bigEndian: address.sin_port))
        fflush(nil)
        _ = JoinableThread {
            while case let connection = accept(listener, nil, nil), connection >= 0 {
                _ = JoinableThread { answer(connection) }
            }
        }
        var byte: UInt8 = 0
        while read(STDIN_FILENO, &byte, 1) > 0 {}
    }

    /// Answers every request of one connection.
    private static func answer(_ connection: Int32) {
        let body = #"{"success":true}"#
        let response =
            "HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: \(body.utf8.count)\r\n\r\n"
            + body
        var waiting: [UInt8] = []
        var part = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            if let size = requestSize(waiting), waiting.count >= size {
                waiting.removeFirst(size)
                guard write(connection, response, response.utf8.count) > 0 else { break }
                continue
            }
            let count = read(connection, &part, part.count)
            guard count > 0 else { break }
            waiting += part.prefix(count)
        }
        close(connection)
    }

    /// The size of the first request, head and body; nil while its head is not there.
    private static func requestSize(_ bytes: [UInt8]) -> Int? {
        var end = 3
        while end < bytes.count, bytes[end] != 10 || bytes[end - 1] != 13 || bytes[end - 2] != 10 { end += 1 }
        guard end < bytes.count else { return nil }
        for line in bytes[..<end].split(separator: 10) {
            let text = String(decoding: line, as: UTF8.self).lowercased()
            guard text.hasPrefix("content-length:") else { continue }
            let digits = text.utf8.filter { 48...57 ~= $0 }
            return end + 1 + (Int(String(decoding: digits, as: UTF8.self)) ?? 0)
        }
        return end + 1
    }
}
