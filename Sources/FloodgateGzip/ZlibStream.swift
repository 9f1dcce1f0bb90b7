// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

internal import CFloodgateZlib

/// One use of zlib, which keeps pointers to its own state: that state stays on the heap and never moves.
struct ZlibStream: ~Copyable {
    private enum Work {
        case deflate, inflate
    }

    /// Zlib counts in 32 bits, so input is handed over in pieces.
    private static let largestPiece = 1 << 30
    private static let chunkSize = 1 << 16

    private let state: UnsafeMutablePointer<z_stream>
    private let work: Work

    init(compressing level: Int32, window: Int32) throws(GzipError) {
        try self.init(.deflate) { floodgate_deflate_init($0, level, window) }
    }

    init(decompressing window: Int32) throws(GzipError) {
        try self.init(.inflate) { floodgate_inflate_init($0, window) }
    }

    private init(_ work: Work, _ start: (UnsafeMutablePointer<z_stream>) -> Int32) throws(GzipError) {
        let state = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        state.initialize(to: z_stream())
        guard start(state) == Z_OK else {
            state.deallocate()
            throw GzipError(.outOfMemory, "zlib could not allocate its state")
        }
        self.state = state
        self.work = work
    }

    deinit {
        switch work {
        case .deflate: _ = deflateEnd(state)
        case .inflate: _ = inflateEnd(state)
        }
        state.deallocate()
    }

    /// Feeds all of `bytes` and returns all output, as long as it may grow.
    consuming func run(_ bytes: [UInt8], limit: Int, mayGrow: (Int) -> Bool) throws(GzipError) -> [UInt8] {
        var output: [UInt8] = []
        let chunk = UnsafeMutableBufferPointer<UInt8>.allocate(capacity: Self.chunkSize)
        defer { chunk.deallocate() }
        let failure: GzipError? = bytes.withUnsafeBufferPointer { input in
            // Zlib's input pointer is not const, though it only reads.
            pump(UnsafeMutableBufferPointer(mutating: input), chunk, limit) { part in
                guard mayGrow(part.count) else { return false }
                output.append(contentsOf: part)
                return true
            }
        }
        if let failure { throw failure }
        return output
    }

    /// Runs to the end of the input or the first failure.
    private borrowing func pump(
        _ input: UnsafeMutableBufferPointer<UInt8>,
        _ chunk: UnsafeMutableBufferPointer<UInt8>,
        _ limit: Int,
        _ emit: (UnsafeMutableBufferPointer<UInt8>.SubSequence) -> Bool
    ) -> GzipError? {
        let isGzip = input.count >= 2 && input[0] == 0x1F && input[1] == 0x8B
        var consumed = 0
        var produced = 0
        while true {
            let piece = min(input.count - consumed, Self.largestPiece)
            let isLast = consumed + piece == input.count
            state.pointee.next_in = input.baseAddress.map { $0 + consumed }
            state.pointee.avail_in = UInt32(piece)
            state.pointee.next_out = chunk.baseAddress
            state.pointee.avail_out = UInt32(Self.chunkSize)
            let status = step(isLast: isLast)
            consumed += piece - Int(state.pointee.avail_in)
            let filled = Self.chunkSize - Int(state.pointee.avail_out)
            guard filled <= limit - produced else {
                return GzipError(.tooLarge, "decompressed data is longer than \(limit) bytes; send less at a time")
            }
            produced += filled
            guard emit(chunk[..<filled]) else { return GzipError(.outOfMemory, "there is no room for the result") }
            switch status {
            case Z_STREAM_END:
                if consumed == input.count { return nil }
                // Only gzip knows members: any other trailing byte is not ours to guess at.
                guard isGzip, input[consumed] == 0x1F, consumed + 1 == input.count || input[consumed + 1] == 0x8B else {
                    let rest = input.count - consumed
                    return GzipError(.trailingData, "\(rest) bytes follow the end of the compressed data; remove them")
                }
                guard inflateReset(state) == Z_OK else { return GzipError(.corrupt, "zlib lost its state") }
            case Z_OK: continue
            case Z_BUF_ERROR:
                guard filled == 0, isLast else { continue }
                return GzipError(.truncated, "compressed data ends after \(input.count) bytes, before it is complete")
            case Z_MEM_ERROR: return GzipError(.outOfMemory, "zlib could not allocate its state")
            default:
                return GzipError(.corrupt, "bytes are no valid gzip or zlib data near offset \(consumed)")
            }
        }
    }

    private borrowing func step(isLast: Bool) -> Int32 {
        switch work {
        case .deflate: deflate(state, isLast ? Z_FINISH : Z_NO_FLUSH)
        case .inflate: inflate(state, Z_NO_FLUSH)
        }
    }
}
