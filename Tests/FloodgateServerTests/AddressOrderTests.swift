// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateServer
import Testing

@Suite("Order of addresses") struct AddressOrderTests {
    private let start = ContinuousClock.now

    @Test func `is as they were named, while all are good`() {
        #expect(AddressOrder(count: 3).order(at: start) == [0, 1, 2])
        #expect(AddressOrder(count: 0).order(at: start) == [])
    }

    @Test func `puts one that failed last, until its pause is over`() {
        var order = AddressOrder(count: 3)
        order.failed(0, at: start)
        #expect(order.order(at: start) == [1, 2, 0])
        #expect(order.order(at: start + .seconds(4)) == [1, 2, 0])
        #expect(order.order(at: start + .seconds(5)) == [0, 1, 2])
    }

    @Test func `gives longer pauses to one that fails again and again, a minute at most`() {
        var order = AddressOrder(count: 2)
        var now = start
        for pause in [5, 10, 20, 40, 60, 60] {
            order.failed(0, at: now)
            #expect(order.order(at: now + .seconds(pause) - .milliseconds(1)) == [1, 0])
            now += .seconds(pause)
            #expect(order.order(at: now) == [0, 1])
        }
        order.succeeded(0)
        order.failed(0, at: now)
        #expect(order.order(at: now + .seconds(5)) == [0, 1])
    }

    @Test func `leaves nobody out when all have failed`() {
        var order = AddressOrder(count: 3)
        for index in [1, 0, 2] { order.failed(index, at: start + .milliseconds(index == 0 ? 500 : 0)) }
        #expect(order.order(at: start + .seconds(1)) == [1, 2, 0])
    }
}
