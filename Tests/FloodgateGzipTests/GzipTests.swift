// Floodgate. Copyright (c) the Floodgate authors. SPDX-License-Identifier: Apache-2.0

import FloodgateGzip
import Testing

@Suite struct GzipTests {
    /// Made by Python's gzip module from `hello, hello, hello` without a time.
    private let hello: [UInt8] = [
        0x1F, 0x8B, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x03, 0xCB, 0x48, 0xCD, 0xC9, 0xC9, 0xD7,
        0x51, 0xC8, 0x40, 0xA2, 0x00, 0x9F, 0xA1, 0xCA, 0x09, 0x13, 0x00, 0x00, 0x00,
    ]
    /// The same by Python's zlib module.
    private let helloZlib: [UInt8] = [
        0x78, 0x9C, 0xCB, 0x48, 0xCD, 0xC9, 0xC9, 0xD7, 0x51, 0xC8, 0x40, 0xA2, 0x00, 0x44, 0x28, 0x06,
        0xD5,
    ]
    private let text = Array("hello, hello, hello".utf8)

    private func code(_ bytes: [UInt8], limit: Int = 1 << 20) -> GzipError.Code? {
        do throws(GzipError) {
            _ = try Gzip.decompress(bytes, limit: limit)
            return nil
        } catch {
            return error.code
        }
    }

    /// Bytes that do not compress, the same in every run.
    private func noise(_ count: Int) -> [UInt8] {
        var state: UInt64 = 1
        return (0..<count).map { _ in
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return UInt8(truncatingIfNeeded: state >> 33)
        }
    }

    @Test func `reads what other programs write, gzip and zlib`() throws {
        #expect(try Gzip.decompress(hello, limit: 100) == text)
        #expect(try Gzip.decompress(helloZlib, limit: 100) == text)
    }

    @Test(arguments: [0, 1, 100, 65_535, 65_536, 65_537, 1_000_000], [1, 6, 9, 77])
    func `gives back what it was given, at any level`(count: Int, level: Int) throws {
        let plain = [UInt8](repeating: 7, count: count)
        let packed = try Gzip.compress(plain, level: level)
        #expect(packed.starts(with: [0x1F, 0x8B]))
        #expect(try Gzip.decompress(packed, limit: count) == plain)
        let noise = noise(count)
        #expect(try Gzip.decompress(Gzip.compress(noise, level: level), limit: count) == noise)
    }

    @Test func `the same input gives the same output`() throws {
        #expect(try Gzip.compress(text) == Gzip.compress(text))
    }

    @Test func `several members are read as one text`() throws {
        #expect(try Gzip.decompress(hello + hello + Gzip.compress([]) + hello, limit: 100) == text + text + text)
    }

    @Test func `the limit counts bytes of all members and is inclusive`() throws {
        #expect(code(hello, limit: text.count) == nil)
        #expect(code(hello, limit: text.count - 1) == .tooLarge)
        #expect(code(hello + hello, limit: 2 * text.count - 1) == .tooLarge)
        #expect(code(hello, limit: 0) == .tooLarge)
        #expect(code(hello, limit: -1) == .tooLarge)
        let bomb = try Gzip.compress([UInt8](repeating: 0, count: 10_000_000))
        #expect(code(bomb, limit: 100_000) == .tooLarge)
    }

    @Test func `every cut is truncated`() {
        for count in 0..<hello.count { #expect(code(Array(hello[..<count])) == .truncated, "\(count) bytes") }
        for count in 0..<helloZlib.count { #expect(code(Array(helloZlib[..<count])) == .truncated, "\(count) bytes") }
        #expect(code(hello + [0x1F]) == .truncated)
        #expect(code(hello + hello.prefix(12)) == .truncated)
    }

    @Test func `what follows the end is refused`() {
        #expect(code(hello + [0]) == .trailingData)
        #expect(code(hello + [0x1F, 0x00]) == .trailingData)
        #expect(code(helloZlib + helloZlib) == .trailingData)
        #expect(code(helloZlib + hello) == .trailingData)
    }

    @Test func `other bytes are corrupt`() {
        #expect(code(Array("plain text".utf8)) == .corrupt)
        var bytes = hello
        bytes[bytes.count - 5] ^= 1
        #expect(code(bytes) == .corrupt)
        bytes = hello
        bytes[bytes.count - 1] ^= 1
        #expect(code(bytes) == .corrupt)
    }

    @Test func `any damaged byte gives an error or a text, never a crash`() {
        for index in hello.indices {
            for bit in 0..<8 {
                var bytes = hello
                bytes[index] ^= 1 << bit
                _ = code(bytes, limit: 1000)
            }
        }
    }
}
