// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import BenchmarkKit
internal import CLoad
internal import Glibc

/// Sends requests over many connections from one thread, one request at a time on each.
final class LoadLoop {
    /// When the next request is sent.
    enum Pace {
        /// As soon as an answer has come, on so many connections.
        case closed(connections: Int)
        /// So many a second whatever comes back, on as many connections as that takes, up to the limit.
        case open(perSecond: Double)
    }

    private struct Connection {
        var descriptor: Int32
        /// When its request was due; 0 if none is in work.
        var due: UInt64 = 0
        /// Bytes of the answer's body that are still to come.
        var left = 0
        var status = 0
        var isHint = false
    }

    private let port: UInt16
    private let requests: [[UInt8]]
    private let most: Int
    private let poll: Int32
    private var connections: [Connection] = []
    /// Connections without a request, the one that rested longest first.
    private var idle: ArraySlice<Int> = []
    private var turn = 0
    private var tally = Tally()
    private var again: Bool = false
    private let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 256 << 10, alignment: 16)

    init(port: UInt16, requests: [[UInt8]], connections: Int) {
        self.port = port
        self.requests = requests
        most = connections
        poll = epoll_create1(0)
    }

    deinit {
        for connection in connections where connection.descriptor >= 0 { close(connection.descriptor) }
        close(poll)
        buffer.deallocate()
    }

    static var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    /// Requests that nobody has answered yet.
    var unanswered: Int { connections.count { $0.due > 0 } }

    /// Sends for `seconds`, and tells what came back in each half of a second.
    func run(_ pace: Pace, seconds: Double) -> [Tally] {
        var slices: [Tally] = []
        let start = Self.now
        let end = start + UInt64(seconds * 1e9)
        let slice: UInt64 = 500_000_000
        var interval = 0.0
        again = false
        switch pace {
        case .closed(let count):
            again = true
            for _ in 0..<count where send(due: Self.now) { tally.offered += 1 }
        case .open(let rate): interval = 1e9 / rate
        }
        var count = 0.0
        while true {
            let now = Self.now
            while now >= start + UInt64(slices.count + 1) * slice {
                slices.append(tally)
                tally = Tally()
            }
            guard now < end else { break }
            if interval > 0 {
                // What is due is sent, but answers are read in between.
                var burst = 0
                while burst < 64, start + UInt64(count * interval) <= now {
                    tally.offered += 1
                    _ = send(due: start + UInt64(count * interval))
                    count += 1
                    burst += 1
                }
                receive(waits: start + UInt64(count * interval) > now + 1_000_000)
            } else {
                receive(waits: true)
            }
        }
        again = false
        return slices
    }

    /// Opens as many connections as there may be, with an answer on each: a server that has seen a key trusts it.
    func open(_ count: Int) {
        while connections.count < min(count, most) {
            for _ in 0..<64 {
                guard connections.count < most, let index = open() else { return }
                _ = send(index, due: Self.now)
            }
            settle(seconds: 2)
        }
    }

    /// Reads what still comes, until nothing is in work or `seconds` are over.
    func settle(seconds: Double) {
        let end = Self.now + UInt64(seconds * 1e9)
        while unanswered > 0, Self.now < end { receive(waits: true) }
        tally = Tally()
    }

    private func send(due: UInt64) -> Bool {
        guard let index = idle.popFirst() ?? open() else { return false }
        return send(index, due: due)
    }

    private func send(_ index: Int, due: UInt64) -> Bool {
        let request = requests[turn % requests.count]
        turn += 1
        connections[index].due = due
        let count = write(connections[index].descriptor, request, request.count)
        guard count == request.count else {
            renew(index)
            tally.errors += 1
            return false
        }
        tally.sent += 1
        return true
    }

    private func open() -> Int? {
        guard connections.count < most else { return nil }
        connections.append(Connection(descriptor: -1))
        return join(connections.count - 1) ? connections.count - 1 : nil
    }

    private func join(_ index: Int) -> Bool {
        let descriptor = Address.connect(port)
        connections[index] = Connection(descriptor: descriptor)
        guard descriptor >= 0 else { return false }
        _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
        return load_watch(poll, descriptor, UInt64(index)) == 0
    }

    /// Puts a new connection in the place of one that broke.
    private func renew(_ index: Int) {
        close(connections[index].descriptor)
        if join(index) { idle.append(index) }
    }

    private func receive(waits: Bool) {
        withUnsafeTemporaryAllocation(of: UInt64.self, capacity: 256) { ready in
            let count = load_ready(poll, ready.baseAddress, 256, waits ? 1 : 0)
            for number in ready.prefix(max(0, Int(count))) { receive(Int(number)) }
        }
    }

    private func receive(_ index: Int) {
        let count = read(connections[index].descriptor, buffer.baseAddress, buffer.count)
        guard count > 0 else {
            if count < 0, errno == EAGAIN { return }
            if connections[index].due > 0 { tally.errors += 1 } else { idle.removeAll { $0 == index } }
            return renew(index)
        }
        var bytes = UnsafeRawBufferPointer(rebasing: buffer.prefix(count))
        if connections[index].left == 0 {
            // Heads are small and come in one piece on loopback.
            guard let head = AnswerHead(bytes), connections[index].due > 0 else {
                tally.errors += 1
                return renew(index)
            }
            connections[index].status = head.status
            connections[index].isHint = head.hasRetryAfter
            connections[index].left = head.bodyLength
            bytes = UnsafeRawBufferPointer(rebasing: bytes[head.length...])
        }
        connections[index].left -= bytes.count
        if connections[index].left <= 0 { finish(index) }
    }

    private func finish(_ index: Int) {
        let connection = connections[index]
        let time = Self.now - connection.due
        switch connection.status {
        case 200..<300 where time <= Tally.patience:
            tally.good += 1
            tally.latencies.append(UInt32(time / 1_000))
        case 200..<300: tally.late += 1
        case 503 where connection.isHint: tally.shed += 1
        default: tally.errors += 1
        }
        connections[index].due = 0
        connections[index].left = 0
        idle.append(index)
        if again {
            tally.offered += 1
            _ = send(due: Self.now)
        }
    }
}

/// What counts of the head of an answer.
struct AnswerHead {
    let status: Int
    let length: Int
    var bodyLength = 0
    var hasRetryAfter = false

    init?(_ bytes: UnsafeRawBufferPointer) {
        guard bytes.count > 15, let base = bytes.assumingMemoryBound(to: UInt8.self).baseAddress,
            bytes.starts(with: "HTTP/1.1 ".utf8)
        else { return nil }
        length = load_find(base, bytes.count, "\r\n\r\n") + 4
        status = bytes[9..<12].reduce(0) { $0 * 10 + Int($1) - 48 }
        let field = load_find(base, length, "content-length: ")
        guard length > 3, field >= 0 else { return nil }
        var place = field + 16
        while bytes[place] != 13 {
            bodyLength = bodyLength * 10 + Int(bytes[place]) - 48
            place += 1
        }
        hasRetryAfter = load_find(base, length, "retry-after: ") >= 0
    }
}
