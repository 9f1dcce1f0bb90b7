// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateDeflate
internal import CFloodgateEventScan

/// A body with room behind it that the event reader may look at, in memory that is used again; for one task at a time.
package final class BodyBuffer {
    /// Memory above this is rare, and given back before the next body.
    private static let largestKept = 8 << 20

    /// Where the body begins.
    private(set) var start: UnsafeMutablePointer<UInt8>
    private var capacity: Int
    /// Bytes of the body.
    package private(set) var count = 0
    /// Unpacks gzip; nil if there was no memory for it.
    let decompressor = libdeflate_alloc_decompressor()

    /// Makes an empty buffer.
    package init() {
        capacity = 1 << 16
        start = .allocate(capacity: capacity + Int(FG_PADDING))
    }

    deinit {
        start.deallocate()
        libdeflate_free_decompressor(decompressor)
    }

    /// Makes `bytes` the body.
    package func fill(_ bytes: [UInt8]) {
        bytes.withUnsafeBufferPointer { bytes in
            fill(atMost: bytes.count) { target in
                if let first = bytes.baseAddress { target.update(from: first, count: bytes.count) }
                return bytes.count
            }
        }
    }

    /// Has `write` write a body of at most `size` bytes; it says how many there are.
    func fill(atMost size: Int, _ write: (UnsafeMutablePointer<UInt8>) -> Int) {
        if size > capacity || (capacity > Self.largestKept && size < Self.largestKept) {
            start.deallocate()
            capacity = max(size, 1 << 16)
            start = .allocate(capacity: capacity + Int(FG_PADDING))
        }
        count = min(max(write(start), 0), capacity)
    }

    /// A copy of the body.
    package var bytes: [UInt8] { Array(UnsafeBufferPointer(start: start, count: count)) }
}
