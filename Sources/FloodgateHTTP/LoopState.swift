// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import NIOCore

#if canImport(Glibc)
    private import Glibc
#elseif canImport(Musl)
    private import Musl
#else
    private import Darwin
#endif

/// What all connections of one event loop share: the time, memory to read and write with, and their deadlines.
///
/// Used on its loop alone.
package final class LoopState {
    /// How often deadlines are looked at.
    static let tick = TimeAmount.milliseconds(250)

    /// Which loop of the server this is, from 0 on.
    package let index: Int
    let loop: any EventLoop
    /// Where requests are answered; nil for where the runtime likes.
    let executor: (any TaskExecutor)?
    let limits: HTTPLimits
    let scanner: HeadScanner
    let heads: HTTP2Heads
    /// Where answers are put together; empty between two events.
    var output: ByteBuffer
    /// The `date` field of this second, with its line end.
    private(set) var dateField: [UInt8] = []
    /// `date`'s value of this second.
    private(set) var dateValue = ""
    private var dateSecond: Int = -1
    private(set) var connections = ConnectionList()
    /// Where streams go that need no channel; nil for nowhere.
    var sockets: LoopSockets?
    /// Refusals as bytes.
    var templates = RefusalTemplate.Store()
    /// How often connections are told that there is too much to do.
    var pace = RefusalPace<HTTP1Connection>(at: LoopState.coarseNow)
    private var timer: RepeatedTask?
    private var expected: UInt64 = 0
    private var requestIDs: RequestIDs
    /// How late the loop came to its ticks of the last minutes, at worst, in nanoseconds.
    package var lag: UInt64 { counts.lag.recent }
    /// Counts the ticks, for what must not be done too often.
    package private(set) var ticks = 0
    /// Nanoseconds that went into answers made on the loop itself since it last looked for what is ready.
    private var spent: UInt64 = 0
    /// Whatever the service keeps for this loop alone.
    package var attachment: AnyObject?
    /// What happened on this loop.
    package var counts = LoopCounts()

    init(index: Int, loop: any EventLoop, limits: HTTPLimits, executor: (any TaskExecutor)? = nil) {
        self.index = index
        self.loop = loop
        self.executor = executor
        self.limits = limits
        scanner = HeadScanner(limits: limits)
        heads = HTTP2Heads(limits: limits)
        output = ByteBufferAllocator().buffer(capacity: 4_096)
        requestIDs = RequestIDs()
        renewDate()
    }

    /// A cheap monotonic clock in nanoseconds, right to a few milliseconds.
    package var now: UInt64 { Self.coarseNow }

    static var coarseNow: UInt64 {
        #if os(Linux)
            let clock = CLOCK_MONOTONIC_COARSE
        #else
            let clock = CLOCK_MONOTONIC
        #endif
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
    }

    /// A monotonic clock in nanoseconds, right to a microsecond.
    static var preciseNow: UInt64 { MonotonicClock.now }

    /// A name for the next request.
    func nextRequestID() -> String { requestIDs.next() }

    /// What the next request will be called.
    package var upcomingRequestID: String { requestIDs.upcoming }

    /// Appends the field that names the request to what is put together.
    func writeRequestID() {
        output.writeStaticString("x-request-id: ")
        requestIDs.writeNext(to: &output)
        output.writeStaticString("\r\n")
    }

    /// What was put together, for the one who sends it.
    func takeOutput() -> ByteBuffer {
        let taken = output
        output = ByteBuffer()
        return taken
    }

    /// Takes the memory back that was sent from, if it is needed no more.
    func giveBack(_ memory: consuming ByteBuffer) {
        guard output.readableBytes == 0, memory.capacity <= 256 << 10 else { return }
        output = ByteBuffer()
        memory.clear()
        output = memory
    }

    // MARK: Work on the loop itself

    /// How long the loop may work on answers before it looks after its other connections.
    private static let patience: UInt64 = 3_000_000

    /// Whether an answer may be made on the loop itself.
    var takesMore: Bool { spent < Self.patience }

    /// Counts time that went into such an answer.
    func spend(_ nanoseconds: UInt64) {
        if spent == 0 {
            let bound = NIOLoopBound(self, eventLoop: loop)
            // Done when everything that is ready now was seen to.
            loop.execute { bound.value.spent = 0 }
        }
        spent &+= max(1, nanoseconds)
    }

    // MARK: Deadlines

    func start() {
        expected = Self.preciseNow &+ UInt64(Self.tick.nanoseconds)
        let bound = NIOLoopBound(self, eventLoop: loop)
        timer = loop.scheduleRepeatedTask(initialDelay: Self.tick, delay: Self.tick) { _ in bound.value.beat() }
    }

    func stop() { timer?.cancel() }

    func add(_ connection: any LoopConnection) { connections.add(connection) }
    func remove(_ connection: any LoopConnection) { connections.remove(connection) }

    /// Lets every connection end behind its request.
    func drainAll() { connections.forEach { $0.drain() } }

    /// Ends every connection now.
    func closeAll() { connections.forEach { $0.abandon() } }

    private func beat() {
        let precise = Self.preciseNow
        ticks &+= 1
        counts.lag.note(precise > expected ? precise - expected : 0, at: precise)
        expected = precise &+ UInt64(Self.tick.nanoseconds)
        renewDate()
        let now = now
        connections.forEach { $0.check(at: now) }
    }

    private func renewDate() {
        let second = time(nil)
        guard second != dateSecond else { return }
        dateSecond = second
        dateValue = HTTPDate.text(unixSeconds: second)
        dateField = Array("date: \(dateValue)\r\n".utf8)
    }
}

/// A connection whose deadlines its loop looks after.
protocol LoopConnection: AnyObject {
    /// Where it stands among the loop's connections.
    var place: Int { get set }
    /// Ends what has taken too long at `now`.
    func check(at now: UInt64)
    /// Takes no further request: ends at once if it has none in work, else behind it.
    func drain()
    /// Ends at once.
    func abandon()
}

/// Connections in no order; each knows its place, so that none is searched for.
struct ConnectionList {
    private var items: [any LoopConnection] = []

    var count: Int { items.count }

    mutating func add(_ connection: any LoopConnection) {
        connection.place = items.count
        items.append(connection)
    }

    mutating func remove(_ connection: any LoopConnection) {
        let place = connection.place
        guard items.indices.contains(place), items[place] === connection else { return }
        let last = items.removeLast()
        if place < items.count {
            items[place] = last
            last.place = place
        }
        connection.place = -1
    }

    /// Calls `body` with each, which may remove itself and others.
    func forEach(_ body: (any LoopConnection) -> Void) { for item in items { body(item) } }
}

/// Names for requests: unique in all processes as far as chance allows, cheap to make.
struct RequestIDs {
    private let prefix: UInt64 = .random(in: 0...UInt64.max)
    private var count: UInt64 = 0

    mutating func next() -> String {
        count &+= 1
        return String(unsafeUninitializedCapacity: Self.length) { text in
            Self.write(prefix, count, UnsafeMutableRawBufferPointer(text))
            return Self.length
        }
    }

    /// What `next` will say.
    var upcoming: String {
        var copy = self
        return copy.next()
    }

    mutating func writeNext(to buffer: inout ByteBuffer) {
        count &+= 1
        buffer.writeWithUnsafeMutableBytes(minimumWritableBytes: Self.length) { bytes in
            Self.write(prefix, count, bytes)
            return Self.length
        }
    }

    private static let length = 20

    private static func write(_ prefix: UInt64, _ count: UInt64, _ text: UnsafeMutableRawBufferPointer) {
        var (high, low) = (prefix, count)
        for index in 0..<12 {
            text[index] = digit(high & 31)
            high >>= 5
        }
        for index in (12..<20).reversed() {
            text[index] = digit(low & 31)
            low >>= 5
        }
    }

    /// 0…9, then letters.
    private static func digit(_ value: UInt64) -> UInt8 { UInt8(value < 10 ? 0x30 + value : 0x57 + value) }
}

/// Dates as HTTP writes them (RFC 9110 §5.6.7, IMF-fixdate).
enum HTTPDate {
    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    static func text(unixSeconds: Int) -> String {
        let seconds = max(0, unixSeconds)
        let day = seconds / 86_400
        // Years that begin in March, in eras of 400 of them, so that the leap day comes last.
        let shifted = day + 719_468
        let era = shifted / 146_097
        let dayOfEra = shifted % 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let month = (5 * dayOfYear + 2) / 153
        let date = dayOfYear - (153 * month + 2) / 5 + 1
        let monthIndex = (month + 2) % 12
        let year = yearOfEra + era * 400 + (monthIndex < 2 ? 1 : 0)
        let time = seconds % 86_400
        return "\(days[day % 7]), \(two(date)) \(months[monthIndex]) \(year) "
            + "\(two(time / 3_600)):\(two(time / 60 % 60)):\(two(time % 60)) GMT"
    }

    private static func two(_ number: Int) -> String { number < 10 ? "0\(number)" : String(number) }
}
