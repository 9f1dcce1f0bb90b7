// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import FloodgateWarehouse
internal import Foundation

/// A running program and its standard streams; used by one thread at a time.
struct DuckDBPipes {
    /// Why an exchange with the program ended without an answer.
    enum Failure: Error {
        /// It did not answer in time.
        case late
        /// It ended, or was killed.
        case gone
        /// Its answer is longer than allowed.
        case long
    }

    let process: pid_t
    /// A socket, since writing to one whose reader is gone raises no signal.
    private let input: Int32
    private let output: Int32
    private let errors: Int32
    private var unread: [UInt8] = []

    /// Starts `program` without any environment of ours but what it needs.
    /// - Throws: `.unavailable` if the system does not start it.
    init(_ program: String, _ arguments: [String]) throws(WarehouseError) {
        var opened: [Int32] = []
        func fail(_ what: String, _ code: Int32) -> WarehouseError {
            for descriptor in opened { close(descriptor) }
            return WarehouseError(
                .unavailable,
                "\(program) cannot be started: \(what): \(String(cString: strerror(code)))"
            )
        }
        func pair() -> (near: Int32, far: Int32)? {
            var pair: [Int32] = [-1, -1]
            guard socketpair(AF_UNIX, Self.streamType, 0, &pair) == 0 else { return nil }
            opened += pair
            for descriptor in pair { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
            #if canImport(Darwin)
                var isOn: Int32 = 1
                setsockopt(pair[0], SOL_SOCKET, SO_NOSIGPIPE, &isOn, socklen_t(MemoryLayout<Int32>.size))
            #endif
            _ = fcntl(pair[0], F_SETFL, fcntl(pair[0], F_GETFL) | O_NONBLOCK)
            return (pair[0], pair[1])
        }
        guard let input = pair(), let output = pair(), let errors = pair() else { throw fail("no pipe", errno) }

        #if canImport(Darwin)
            var actions: posix_spawn_file_actions_t?
            var attributes: posix_spawnattr_t?
        #else
            var actions = posix_spawn_file_actions_t()
            var attributes = posix_spawnattr_t()
        #endif
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_adddup2(&actions, input.far, 0)
        posix_spawn_file_actions_adddup2(&actions, output.far, 1)
        posix_spawn_file_actions_adddup2(&actions, errors.far, 2)
        // None of the server's sockets and files; and a group of its own, so that the terminal's signals pass it by.
        #if canImport(Darwin)
            let flags = POSIX_SPAWN_CLOEXEC_DEFAULT | POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK
        #else
            // Closing what is no longer open is no error here.
            for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
                if let descriptor = Int32(name), descriptor > 2 {
                    posix_spawn_file_actions_addclose(&actions, descriptor)
                }
            }
            let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK
        #endif
        posix_spawnattr_setflags(&attributes, Int16(truncatingIfNeeded: Int(flags)))
        posix_spawnattr_setpgroup(&attributes, 0)
        var noSignals = sigset_t()
        sigemptyset(&noSignals)
        posix_spawnattr_setsigmask(&attributes, &noSignals)

        var process: pid_t = 0
        let words: [UnsafeMutablePointer<CChar>?] = ([program] + arguments).map { strdup($0) } + [nil]
        let variables = ["TZ=UTC", "LC_ALL=C.UTF-8", "HOME=/nonexistent"]
        let environment: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
        defer { for word in words + environment { free(word) } }
        let code = posix_spawn(&process, program, &actions, &attributes, words, environment)
        guard code == 0 else { throw fail("posix_spawn", code) }
        for descriptor in [input.far, output.far, errors.far] { close(descriptor) }
        self.process = process
        self.input = input.near
        self.output = output.near
        self.errors = errors.near
    }

    #if canImport(Darwin)
        private static let streamType = SOCK_STREAM
    #else
        private static let streamType = Int32(SOCK_STREAM.rawValue)
    #endif

    /// Sends `text` and takes lines until one that is `end`.
    ///
    /// - Parameters:
    ///   - text: Whole lines; the last has the program print `end`.
    ///   - end: A line that no answer has.
    ///   - deadline: When to give up.
    ///   - line: Takes each line of the answer, without its end; false if that is enough.
    /// - Returns: What the program said about failures since the last exchange.
    /// - Throws: `Failure`; the program is of no use after it.
    mutating func exchange(
        _ text: String,
        until end: String,
        before deadline: ContinuousClock.Instant,
        _ line: (ArraySlice<UInt8>) -> Bool
    ) throws(Failure) -> [UInt8] {
        var unsent = Array(text.utf8)[...]
        let end = Array(end.utf8)
        var said: [UInt8] = []
        while true {
            let left = deadline - .now
            guard left > .zero else { throw .late }
            var waits = [
                pollfd(fd: output, events: Int16(POLLIN), revents: 0),
                pollfd(fd: errors, events: Int16(POLLIN), revents: 0),
                pollfd(fd: unsent.isEmpty ? -1 : input, events: Int16(POLLOUT), revents: 0),
            ]
            let milliseconds = min(left / .milliseconds(1), 60_000).rounded(.up)
            guard poll(&waits, nfds_t(waits.count), Int32(milliseconds)) >= 0 || errno == EINTR else { throw .gone }
            if waits[2].revents != 0 { try send(&unsent) }
            if waits[1].revents != 0 { _ = try read(errors, &said) }
            guard waits[0].revents != 0 else { continue }
            // No byte is looked at twice, however long a line is.
            var searched = unread.count
            let isOpen = try read(output, &unread)
            var start = 0
            while let newline = unread.firstNewline(from: searched) {
                let content = unread[start..<newline]
                start = newline + 1
                searched = start
                if content.elementsEqual(end) {
                    // The program writes errors before the end, so all of them are there.
                    unread.removeSubrange(..<start)
                    while try read(errors, &said, once: true) {}
                    return said
                }
                guard line(content) else { throw .long }
            }
            unread.removeSubrange(..<start)
            guard isOpen else { throw .gone }
        }
    }

    private func send(_ bytes: inout ArraySlice<UInt8>) throws(Failure) {
        let sent = bytes.withUnsafeBytes { Foundation.send(input, $0.baseAddress, $0.count, Self.noSignal) }
        if sent > 0 {
            bytes.removeFirst(sent)
        } else if errno != EAGAIN, errno != EINTR {
            throw .gone
        }
    }

    #if canImport(Darwin)
        private static let noSignal: Int32 = 0
    #else
        private static let noSignal = Int32(MSG_NOSIGNAL)
    #endif

    /// Reads what is there; false at the end, or if nothing was there and it is asked `once`.
    private func read(_ descriptor: Int32, _ bytes: inout [UInt8], once: Bool = false) throws(Failure) -> Bool {
        var count = 0
        let piece = [UInt8](unsafeUninitializedCapacity: 1 << 16) { buffer, filled in
            count = Foundation.read(descriptor, buffer.baseAddress, buffer.count)
            filled = max(0, count)
        }
        bytes += piece
        if count < 0 { return !once && (errno == EAGAIN || errno == EINTR) }
        return count > 0
    }

    /// Ends the program, whatever it does, and lets go of it.
    func end() {
        kill(process, SIGKILL)
        var status: Int32 = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        for descriptor in [input, output, errors] { close(descriptor) }
    }
}

extension [UInt8] {
    /// Where the next end of a line is.
    func firstNewline(from start: Int) -> Int? {
        withUnsafeBytes { buffer in
            guard start < buffer.count, let base = buffer.baseAddress,
                let found = memchr(base + start, 0x0A, buffer.count - start)
            else { return nil }
            return UnsafeRawPointer(found) - base
        }
    }
}
